//! The counters of the evidence that gates have used.

use std::fmt;

/// A counter of the evidence that gates have used. Each version has it for each step.
///
/// All of these count units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EvidenceCounter {
    /// Units that were assigned the version in the step and were on blue before it.
    Units,
    /// Units with an error.
    Errors,
    /// Units with a request that the version rejected with a 4xx.
    ClientErrors,
    /// Units with an empty answer.
    Empty,
    /// Units with a refusal.
    Refusals,
    /// Units with an answer that ended at a token limit.
    Truncations,
    /// Units with a request that the client aborted.
    Aborts,
    /// Units with a response that took longer than the objective.
    Slow,
    /// Units with a thumb.
    Thumbs,
    /// Units whose first thumb was down.
    ThumbsDown,
    /// Units with a score.
    Scores,
}

// === impl EvidenceCounter ===

impl EvidenceCounter {
    /// All evidence counters.
    pub const ALL: [Self; 11] = [
        Self::Units,
        Self::Errors,
        Self::ClientErrors,
        Self::Empty,
        Self::Refusals,
        Self::Truncations,
        Self::Aborts,
        Self::Slow,
        Self::Thumbs,
        Self::ThumbsDown,
        Self::Scores,
    ];
}

impl fmt::Display for EvidenceCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Units => "evidence_units",
            Self::Errors => "evidence_errors",
            Self::ClientErrors => "evidence_client_errors",
            Self::Empty => "evidence_empty",
            Self::Refusals => "evidence_refusals",
            Self::Truncations => "evidence_truncations",
            Self::Aborts => "evidence_aborts",
            Self::Slow => "evidence_slow",
            Self::Thumbs => "evidence_thumbs",
            Self::ThumbsDown => "evidence_thumbs_down",
            Self::Scores => "evidence_scores",
        })
    }
}
