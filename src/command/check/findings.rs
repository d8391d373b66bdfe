//! What `check` has found, by how bad it is.

use serde::Serialize;

use crate::command::source::Finding;

/// What was found.
#[derive(Debug, Default, Serialize)]
pub struct Findings {
    /// What the filter or Envoy refuses.
    pub problems: Vec<Finding>,
    /// What is accepted, and does something that is probably not wanted.
    pub warnings: Vec<Finding>,
    /// What cannot be checked here, or is only to be known.
    pub notes: Vec<Finding>,
}

// === impl Findings ===

impl Findings {
    /// Whether something is said of the file that must be changed.
    pub fn refuses(&self, file: &str) -> bool {
        self.problems.iter().any(|it| it.file == file)
    }
}
