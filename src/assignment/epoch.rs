//! Epochs: which stay of a ramp in a step decided an assignment.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One stay of a ramp in one step.
///
/// The epoch grows by one with each step that the ramp enters. When a ramp forgets its
/// evidence, the epoch skips so many numbers that every earlier one belongs to no step any
/// more. Workers attach the epoch to each observation, so that an observation that arrives
/// late still counts for the step that decided it. A ramp that restarted each second would use the
/// numbers up in a hundred years.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Epoch(u32);

/// The epoch that decided an assignment, and whether the unit was new to its step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepExposure {
    /// The epoch whose share decided.
    pub epoch: Epoch,
    /// Whether the unit was on blue before the step.
    pub is_newly_exposed: bool,
}

// === impl Epoch ===

impl Epoch {
    /// The epoch of manual weights, which belong to no step.
    pub const MANUAL: Self = Self(0);

    /// The epoch with this number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The epoch's number.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The epoch that comes `count` after this one. Stops at the largest number.
    #[must_use]
    pub const fn plus(self, count: u32) -> Self {
        Self(self.0.saturating_add(count))
    }

    /// The epoch that came `count` before this one. Stops at 0.
    #[must_use]
    pub const fn minus(self, count: u32) -> Self {
        Self(self.0.saturating_sub(count))
    }

    /// How many epochs this one comes after `earlier`; `None` if it comes before it.
    pub const fn since(self, earlier: Self) -> Option<u32> {
        self.0.checked_sub(earlier.0)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
