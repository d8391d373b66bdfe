//! What `check` has found, by how bad it is.

use serde::Serialize;

use super::super::source::Remark;

/// What was found.
#[derive(Debug, Default, Serialize)]
pub struct Findings {
    /// What the filter or Envoy refuses.
    pub problems: Vec<Remark>,
    /// What is accepted, and does something that is probably not wanted.
    pub warnings: Vec<Remark>,
    /// What cannot be checked here, or is only to be known.
    pub notes: Vec<Remark>,
}

// === impl Findings ===

impl Findings {
    /// Whether something is said of the file that must be changed.
    pub fn refuses(&self, file: &str) -> bool {
        self.problems.iter().any(|it| it.file == file)
    }
}
