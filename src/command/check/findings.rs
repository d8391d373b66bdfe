//! The findings of `check`, by severity.

use serde::Serialize;

use crate::command::source::Finding;

/// The findings, by severity.
#[derive(Debug, Default, Serialize)]
pub struct Findings {
    /// What the filter or Envoy rejects.
    pub problems: Vec<Finding>,
    /// What is accepted, but is probably a mistake.
    pub warnings: Vec<Finding>,
    /// What cannot be checked here, or is information only.
    pub notes: Vec<Finding>,
}

// === impl Findings ===

impl Findings {
    /// Whether the file has a problem.
    pub fn has_problem_in(&self, file: &str) -> bool {
        self.problems.iter().any(|it| it.file == file)
    }
}
