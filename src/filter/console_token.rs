//! The bearer token that an operator must present.
//!
//! It is in the environment of the VM and not in the configuration, which `/config_dump` shows.

use super::hostcalls;

const VARIABLE: &str = "VERDIGRIS_CONSOLE_TOKEN";

/// The token; `None` where there is none, which disables commands.
///
/// # Errors
/// The token has bytes that no header can carry.
pub fn read() -> Result<Option<String>, &'static str> {
    let Some(token) = hostcalls::environment_variable(VARIABLE) else { return Ok(None) };
    // A secret that was made by `echo` ends with a newline.
    let token = token.trim_ascii();
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("VERDIGRIS_CONSOLE_TOKEN has other than visible ASCII in it: nobody can steer");
    }
    Ok(Some(token.to_owned()).filter(|token| !token.is_empty()))
}

/// Whether commands are enabled.
pub fn is_set() -> bool {
    read().is_ok_and(|token| token.is_some())
}
