//! JSON pointers (RFC 6901).

use std::fmt;

use super::splice::{Array, Object, parse_string};

/// A JSON pointer that is not empty: the names and indices that lead to a value.
///
/// ```
/// use verdigris::json::JsonPointer;
/// let pointer = JsonPointer::parse("/metadata/ids/0").unwrap();
/// let body = r#"{"metadata": {"ids": ["c1", "c2"]}}"#;
/// assert_eq!(pointer.find_string(body).as_deref(), Some("c1"));
/// assert_eq!(pointer.find(r#"{"metadata": {}}"#), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonPointer(Vec<Box<str>>);

// === impl JsonPointer ===

impl JsonPointer {
    /// Parses a pointer; `None` unless it begins with a slash.
    ///
    /// Source: RFC 6901, sections 3 and 4.
    pub fn parse(text: &str) -> Option<Self> {
        let tokens = text.strip_prefix('/')?.split('/');
        Some(Self(tokens.map(|token| token.replace("~1", "/").replace("~0", "~").into()).collect()))
    }

    /// The last name or index.
    pub fn last_token(&self) -> Option<&str> {
        self.0.last().map(|token| &**token)
    }

    /// The JSON of the value in `body`; `None` where there is no value, or `body` is not JSON
    /// as far as it is read.
    pub fn find<'a>(&self, body: &'a str) -> Option<&'a str> {
        self.0.iter().try_fold(body, |value, token| match Object::parse(value) {
            Some(object) => object.get(token),
            None => Array::parse(value)?.items().get(parse_index(token)?).copied(),
        })
    }

    /// The string in `body`; `None` where there is no value, or it is not a string.
    pub fn find_string(&self, body: &str) -> Option<String> {
        parse_string(self.find(body)?)
    }
}

/// The pointer in its own syntax, without escapes.
impl fmt::Display for JsonPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|token| write!(f, "/{token}"))
    }
}

/// An index has no sign and no leading zero.
fn parse_index(token: &str) -> Option<usize> {
    let is_index = token == "0" || !token.starts_with(['0', '+']);
    if is_index { token.parse().ok() } else { None }
}
