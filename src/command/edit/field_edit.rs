//! The new value of a field, and the edit of a text that writes it.

use std::ops::Range;

use serde_json::Value;

use crate::command::json_span;

/// A new value of a field.
pub struct FieldEdit {
    /// The path of field names.
    pub path: &'static [&'static str],
    pub value: Value,
}

/// A part of a text, and the text that replaces it.
pub struct TextEdit {
    pub at: Range<usize>,
    pub text: String,
}

// === impl TextEdit ===

impl TextEdit {
    /// Replaces the value, or inserts the field before all others of its object.
    pub fn in_json(object: &str, edit: &FieldEdit) -> Option<Self> {
        let json = edit.value.to_string();
        if let Some(at) = json_span::span(object, edit.path) {
            return Some(Self { at, text: json });
        }
        let (name, parent) = edit.path.split_last()?;
        let parent = json_span::span(object, parent)?;
        let first = parent.start + 1;
        let rest = object.get(first..parent.end)?;
        let comma = comma_before(rest);
        Some(Self { at: first..first, text: format!("{}: {json}{comma}", Value::from(*name)) })
    }
}

/// What separates a first field from the rest of an object.
pub fn comma_before(rest: &str) -> &'static str {
    match rest.trim_start() {
        it if it.starts_with('}') => "",
        _ if rest.starts_with(['\n', '\r']) => ",",
        _ => ", ",
    }
}
