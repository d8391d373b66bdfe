//! A text in a body, by its JSON pointer.

use super::splice::{Array, Object, unquoted};

/// The text that `pointer` finds in a body; `None` where there is none, or something
/// else.
///
/// Source: RFC 6901, sections 3 and 4. The pointer's own escapes are gone from `tokens`.
pub fn text_at(body: &str, tokens: &[Box<str>]) -> Option<String> {
    unquoted(value_at(body, tokens)?)
}

/// The JSON that `pointer` finds in a body.
pub fn value_at<'a>(body: &'a str, tokens: &[Box<str>]) -> Option<&'a str> {
    tokens.iter().try_fold(body, |value, token| match Object::parse(value) {
        Some(object) => object.get(token),
        None => Array::parse(value)?.items().get(index(token)?).copied(),
    })
}

/// The tokens of a pointer as it is written; `None` where that is none.
pub fn tokens(pointer: &str) -> Option<Vec<Box<str>>> {
    let tokens = pointer.strip_prefix('/')?.split('/');
    tokens.map(|token| Some(token.replace("~1", "/").replace("~0", "~").into())).collect()
}

/// An index has no sign and no leading zero.
fn index(token: &str) -> Option<usize> {
    let is_index = token == "0" || !token.starts_with(['0', '+']);
    if is_index { token.parse().ok() } else { None }
}
