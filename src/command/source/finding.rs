//! A finding at a position in a file.

use serde::Serialize;

use crate::command::position::Position;

/// A finding at a position in a file.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    pub file: String,
    #[serde(flatten)]
    pub position: Position,
    pub field: String,
    /// The field's value; `None` where the fix does not depend on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What is wrong, and how to fix it.
    #[serde(rename = "mend")]
    pub fix: String,
}

// === impl Finding ===

impl Finding {
    /// A finding about a field.
    pub fn new(
        file: &str,
        position: Position,
        field: &str,
        value: Option<&str>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            file: file.to_owned(),
            position,
            field: field.to_owned(),
            value: value.map(str::to_owned),
            fix: fix.into(),
        }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}: ", self.file, self.position, self.field)?;
        if let Some(value) = &self.value {
            write!(f, "{value}: ")?;
        }
        f.write_str(&self.fix)
    }
}
