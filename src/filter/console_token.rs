//! The bearer token that an operator must present.
//!
//! It is in the environment of the VM and not in the configuration, which `/config_dump` shows.

use super::hostcalls;
use super::store::hostcalls::{CasToken, get_shared_data, set_shared_data};
use crate::console::TOKEN_VARIABLE;

/// One key for modules of all versions.
const ANNOUNCED_KEY: &str = "verdigris.console_takes_commands";

/// The token; `None` if there is none, which disables commands.
///
/// # Errors
/// The token has bytes that no header can carry.
pub fn read() -> Result<Option<String>, String> {
    let Some(token) = variable(TOKEN_VARIABLE) else { return Ok(None) };
    // A secret that was made by `echo` ends with a newline.
    let token = token.trim_ascii();
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!(
            "{TOKEN_VARIABLE} has characters other than visible ASCII: commands are disabled"
        ));
    }
    Ok(Some(token.to_owned()).filter(|token| !token.is_empty()))
}

/// Whether commands are enabled.
pub fn is_set() -> bool {
    read().is_ok_and(|token| token.is_some())
}

/// Lets all VMs know that a console takes commands, also for the rollouts of VMs without a token.
pub fn announce() {
    let _ = set_shared_data(ANNOUNCED_KEY, &[1], CasToken::ANY);
}

/// Whether a console of some VM takes commands.
pub fn is_announced() -> bool {
    get_shared_data(ANNOUNCED_KEY).is_some()
}

/// A variable of the environment; `None` if it is missing or is not UTF-8.
fn variable(name: &str) -> Option<String> {
    let environment = hostcalls::environment().ok()?;
    let value_of = |variable: &[u8]| {
        Some(variable.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?.to_vec())
    };
    let value = environment.split(|byte| *byte == 0).find_map(value_of)?;
    String::from_utf8(value).ok()
}
