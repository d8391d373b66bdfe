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

    /// Adds those of other findings at whose field there is none of the same severity yet.
    pub fn add_new(&mut self, others: Self) {
        let Self { problems, warnings, notes } = others;
        for (known, found) in [
            (&mut self.problems, problems),
            (&mut self.warnings, warnings),
            (&mut self.notes, notes),
        ] {
            add_new_ones(known, found);
        }
    }
}

fn add_new_ones(known: &mut Vec<Finding>, mut found: Vec<Finding>) {
    let is_same = |it: &Finding, other: &Finding| {
        (&it.file, it.position, &it.field) == (&other.file, other.position, &other.field)
    };
    found.retain(|it| !known.iter().any(|other| is_same(it, other)));
    known.extend(found);
}
