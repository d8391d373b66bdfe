//! The log of a rollout's transitions.

use std::collections::VecDeque;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::position::Position;

/// A transition of a rollout: what changed, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// When, in seconds since 1970.
    pub at_s: u64,
    /// The position before.
    pub from: Position,
    /// The position after.
    pub to: Position,
    /// The reason, with the numbers behind it.
    pub why: String,
}

/// The newest transitions, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TransitionLog(VecDeque<Transition>);

/// How many transitions are kept.
const MAX_TRANSITIONS: usize = 32;

// === impl TransitionLog ===

impl TransitionLog {
    /// Adds a transition. Removes the oldest one if there are too many.
    pub fn push(&mut self, transition: Transition) {
        self.0.push_back(transition);
        while self.0.len() > MAX_TRANSITIONS {
            self.0.pop_front();
        }
    }

    /// The transitions, the oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Transition> {
        self.0.iter()
    }
}

// === impl Transition ===

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, why, .. } = self;
        write!(f, "{from} -> {to}: {why}")
    }
}
