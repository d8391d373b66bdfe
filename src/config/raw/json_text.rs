//! The JSON text of a configuration.

use serde_json::Value;

use super::reader::NoDuplicateKeys;
use crate::config::invalid_config::{FieldError, InvalidConfig, WHOLE_CONFIG};

/// Parses JSON.
///
/// # Errors
/// A syntax error, or a duplicate key in an object.
pub(in crate::config) fn parse_json(text: &[u8]) -> Result<Value, InvalidConfig> {
    match serde_json::from_slice(text) {
        Ok(NoDuplicateKeys(json)) => Ok(json),
        Err(error) => Err(syntax_error(text, &error).into()),
    }
}

/// How the parser's messages about an object begin, and the fix.
const FIXES: [(&str, &str); 14] = [
    ("trailing comma", "remove it, since JSON has no comma before } or ]"),
    ("expected `,`", "a comma is missing before this"),
    ("expected `:`", "a colon is missing before this"),
    ("EOF while parsing an object", "a } is missing at the end"),
    ("EOF while parsing a list", "a ] is missing at the end"),
    ("EOF while parsing a string", "a \" is missing at the end of a text"),
    ("EOF while parsing a value", "a value and a } are missing at the end"),
    ("key must be", "write field names and texts in double quotes"),
    (
        "expected value",
        "write a value here: texts in double quotes, numbers, true, false, null, {…} or […]",
    ),
    ("expected ident", "write true, false or null, and texts in double quotes"),
    ("trailing characters", "remove what follows the JSON object"),
    ("control character", "write a line break in a text as \\n, or end the text with \""),
    ("invalid escape", "write a backslash in a text as \\\\"),
    ("invalid number", "write a number such as 5 or 0.5, and texts in double quotes"),
];

#[cold]
fn syntax_error(text: &[u8], error: &serde_json::Error) -> FieldError {
    let message = error.to_string();
    let is_object = text.trim_ascii_start().starts_with(b"{");
    let known = FIXES.iter().find(|(begin, _)| is_object && message.starts_with(begin));
    let fix = match known {
        _ if error.is_data() => "write each field once",
        Some((_, fix)) => fix,
        None => {
            "write one JSON object, in Envoy's configuration as a google.protobuf.StringValue, or \
             YAML as a google.protobuf.Struct"
        }
    };
    let text = Value::String(String::from_utf8_lossy(text).into_owned());
    FieldError::new(WHOLE_CONFIG, &text, format!("{message}; {fix}"))
}
