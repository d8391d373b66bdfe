//! The index of a ramp's step.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A step of a ramp, counted from 0.
///
/// Evidence is kept by index. An [`Observation`](super::Observation) carries an
/// [`Epoch`](crate::assignment::Epoch) instead, because a step can begin again with the same
/// index; only the ramp's state can map one to the other.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct StepIndex(u16);

// === impl StepIndex ===

impl StepIndex {
    /// The first step.
    pub const FIRST: Self = Self(0);

    /// The step with this index. Indices above 65,535 become 65,535: no ramp has so many steps.
    pub fn new(index: usize) -> Self {
        Self(u16::try_from(index).unwrap_or(u16::MAX))
    }

    /// The index, counted from 0.
    pub fn get(self) -> usize {
        self.0.into()
    }

    /// The step after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The step `count` before this one; `None` before the first.
    #[must_use]
    pub fn minus(self, count: u32) -> Option<Self> {
        let count = u16::try_from(count).ok()?;
        self.0.checked_sub(count).map(Self)
    }

    /// How many steps this one comes after `earlier`; 0 if it comes before it.
    pub fn since(self, earlier: Self) -> u32 {
        self.0.saturating_sub(earlier.0).into()
    }
}

impl From<StepIndex> for u64 {
    fn from(step: StepIndex) -> Self {
        step.0.into()
    }
}

impl fmt::Display for StepIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
