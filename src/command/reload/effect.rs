//! An effect of a reload.

use std::fmt;

use serde::Serialize;

/// An effect of a reload.
#[derive(Clone, Debug, Serialize)]
pub struct Effect {
    /// The field that was changed.
    pub field: String,
    /// What the change does.
    pub what: String,
    /// The fraction of users that move from green back to blue, from 0 to 1; `None` if it cannot be
    /// computed. If conversations keep their version, it is the fraction of open conversations. If
    /// the ramp's step is not known, it is the largest over all steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thrown_back: Option<f64>,
    /// The share of the same that change their version in either direction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved: Option<f64>,
    /// Whether the effect depends on an operator command, which only Envoy knows.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub if_ordered: bool,
    /// Whether it is what a rollout is for: green's share grows, and nothing else.
    #[serde(skip)]
    pub(super) is_intended: bool,
}

// === impl Effect ===

impl Effect {
    /// An effect that moves no users.
    pub(super) fn new(field: impl Into<String>, what: impl Into<String>) -> Self {
        let (field, what) = (field.into(), what.into());
        Self { field, what, thrown_back: None, moved: None, if_ordered: false, is_intended: false }
    }

    /// Whether it is a warning, and not only a note.
    pub fn is_warning(&self) -> bool {
        !self.if_ordered && !self.is_intended
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.what)
    }
}
