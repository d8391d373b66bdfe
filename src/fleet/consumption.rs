//! Which outboxes the decisions so far have consumed.

use serde::{Deserialize, Serialize};

use super::store::Revision;

/// Which outboxes the decisions so far have consumed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Consumed {
    /// All that were written up to this revision, in a store whose revisions are comparable.
    UpTo(Revision),
    /// Each instance's up to a sequence number, in any store. An instance is named by its boot.
    Sequences(Vec<(u64, u64)>),
}

// === impl Consumed ===

impl Consumed {
    /// Outboxes that were not written after this revision need not be listed.
    pub fn revision(&self) -> Revision {
        match self {
            Self::UpTo(revision) => *revision,
            Self::Sequences(_) => Revision(0),
        }
    }

    /// Whether an outbox is one of those. `written_at` is the revision of its write; `None` where it
    /// is not known to be written.
    pub fn contains(&self, boot: u64, sequence: u64, written_at: Option<Revision>) -> bool {
        match self {
            Self::UpTo(revision) => written_at.is_some_and(|at| at <= *revision),
            Self::Sequences(sequences) => {
                sequences.iter().any(|(it, up_to)| *it == boot && *up_to >= sequence)
            }
        }
    }
}

impl Default for Consumed {
    fn default() -> Self {
        Self::UpTo(Revision(0))
    }
}
