//! What is wrong with a configuration, and how to mend it.

use std::error::Error;
use std::fmt;

use serde_json::Value;

/// A configuration that cannot be used: everything that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidConfig {
    /// At least one problem, in the order of the fields.
    pub errors: Vec<FieldError>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The path of the field, such as `weights.green`.
    pub field: String,
    /// What stands there, as JSON; `missing` where nothing does.
    pub value: String,
    /// What to write instead.
    pub fix: String,
}

/// The field of an error that has no field of its own.
pub(super) const WHOLE: &str = "plugin configuration";

/// How much of a value a message shows, in characters.
const MAX_SHOWN_CHARS: usize = 80;

// === impl Problem ===

impl FieldError {
    /// A problem with `value`, which stands at `field`.
    pub fn new(field: impl Into<String>, value: &Value, mend: impl Into<String>) -> Self {
        Self::from_parts(field.into(), value, mend.into())
    }

    // Called at a hundred places, none of which need be fast: one copy of it is enough.
    #[cold]
    fn from_parts(field: String, value: &Value, mend: String) -> Self {
        Self { field, value: shorten(&value.to_string()), fix: mend }
    }

    /// `field` is not there and has no default.
    pub fn missing(field: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { field: field.into(), value: "missing".into(), fix: mend.into() }
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
        write!(f, "{}: {}: {}", self.field, self.value, self.fix)
    }
}

// === impl Refused ===

impl fmt::Display for InvalidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.errors.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl Error for InvalidConfig {}

impl From<FieldError> for InvalidConfig {
    fn from(problem: FieldError) -> Self {
        Self { errors: vec![problem] }
    }
}
