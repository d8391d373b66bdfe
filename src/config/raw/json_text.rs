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

fn syntax_error(text: &[u8], error: &serde_json::Error) -> FieldError {
    let text = Value::String(String::from_utf8_lossy(text).into_owned());
    let fix = if error.is_data() {
        format!("{error}; write each field once")
    } else {
        format!(
            "{error}; write one JSON object, in Envoy's configuration as a \
             google.protobuf.StringValue, or YAML as a google.protobuf.Struct"
        )
    };
    FieldError::new(WHOLE_CONFIG, &text, fix)
}
