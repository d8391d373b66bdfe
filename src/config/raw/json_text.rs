//! The configuration's text as JSON.

use serde_json::Value;

use super::reader::NoDuplicateKeys;
use crate::config::invalid_config::{FieldError, InvalidConfig, WHOLE};

/// The JSON of a text, in which no field is written twice.
pub(in crate::config) fn json_of(text: &[u8]) -> Result<Value, InvalidConfig> {
    let json = serde_json::from_slice(text).map_err(|error| syntax_problem(text, &error));
    json.map(|NoDuplicateKeys(json)| json).map_err(InvalidConfig::from)
}

fn syntax_problem(text: &[u8], error: &serde_json::Error) -> FieldError {
    let text = Value::String(String::from_utf8_lossy(text).into_owned());
    FieldError::new(
        WHOLE,
        &text,
        format!(
            "{error}; write one JSON object, in Envoy's configuration as a google.protobuf.StringValue"
        ),
    )
}
