//! The decision log.

use std::collections::VecDeque;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::phase::Phase;

/// One decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// When, in seconds since 1970.
    pub at_s: u64,
    /// Where the ramp stood: the phase, and green's share in basis points.
    pub from: (Phase, u32),
    /// Where it stands since.
    pub to: (Phase, u32),
    /// Why, with the numbers.
    pub why: String,
}

/// The last decisions, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TransitionLog(VecDeque<Transition>);

/// How many decisions are kept.
const MAX_TRANSITIONS: usize = 32;

// === impl Log ===

impl TransitionLog {
    /// Adds a decision; the oldest may go for it.
    pub fn push(&mut self, entry: Transition) {
        self.0.push_back(entry);
        while self.0.len() > MAX_TRANSITIONS {
            self.0.pop_front();
        }
    }

    /// The decisions, the oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Transition> {
        self.0.iter()
    }
}

// === impl Entry ===

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((from, from_bp), (to, to_bp)) = (self.from, self.to);
        write!(f, "{from} at {} -> {to} at {}: ", Percent(from_bp), Percent(to_bp))?;
        f.write_str(&self.why)
    }
}

/// Basis points as percent.
struct Percent(u32);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 100, self.0 % 100);
        if rest == 0 { write!(f, "{whole} %") } else { write!(f, "{whole}.{rest:02} %") }
    }
}
