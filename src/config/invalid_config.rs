//! The errors of a configuration, each with its fix.

use std::error::Error;
use std::fmt;

use serde_json::Value;

use crate::rollout::escape_unseen;

/// An invalid configuration, with all its errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidConfig {
    /// At least one error, in the order of the fields.
    pub errors: Vec<FieldError>,
}

/// An error in one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The path of the field, such as `weights.green`.
    pub field: String,
    /// The field's value as JSON, shortened; `missing` if the field is absent.
    pub value: String,
    /// How to correct it, in plain English.
    pub fix: String,
}

/// The field name of errors that concern the whole configuration.
pub(super) const WHOLE_CONFIG: &str = "plugin configuration";

/// The number of characters of a value that an error shows.
const MAX_SHOWN_CHARS: usize = 80;

// === impl FieldError ===

impl FieldError {
    /// An error in the value of `field`.
    pub fn new(field: impl Into<String>, value: &Value, fix: impl Into<String>) -> Self {
        Self::from_parts(field.into(), value, fix.into())
    }

    // Not generic, so that the `.wasm` has one copy for its hundred callers.
    #[cold]
    fn from_parts(field: String, value: &Value, fix: String) -> Self {
        Self { field, value: shorten(&value.to_string()), fix }
    }

    /// An error because `field` is set although it must not be. The value is not shown.
    pub fn unneeded(field: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { field: field.into(), value: "set".into(), fix: fix.into() }
    }

    /// An error because the required `field` is absent.
    pub fn missing(field: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { field: field.into(), value: "missing".into(), fix: fix.into() }
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, value, fix } = self;
        f.write_str(&escape_unseen(&format!("{field}: {value}: {fix}")))
    }
}

// === impl InvalidConfig ===

impl fmt::Display for InvalidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl Error for InvalidConfig {}

impl From<FieldError> for InvalidConfig {
    fn from(error: FieldError) -> Self {
        Self { errors: vec![error] }
    }
}
