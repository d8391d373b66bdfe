//! The token that a console requires, from this command's environment.

use crate::console::TOKEN_VARIABLE;

/// Reads the token; `None` if there is none.
///
/// # Errors
/// No header can carry the token.
pub fn console_token() -> Result<Option<String>, String> {
    let token = std::env::var_os(TOKEN_VARIABLE).unwrap_or_default();
    let token = token.to_string_lossy();
    let token = token.trim();
    if !token.bytes().all(|it| it.is_ascii_graphic()) {
        return Err(format!(
            "{TOKEN_VARIABLE}: a token consists of visible ASCII characters: set it to the token in \
             Envoy's environment"
        ));
    }
    Ok(Some(token.to_owned()).filter(|token| !token.is_empty()))
}
