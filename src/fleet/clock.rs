//! The time that all instances of a fleet share, without a comparison of two machines' clocks.
//!
//! The state carries how much time had passed at its latest commit. An instance adds what has passed
//! on its own monotonic clock since it learned of that commit. So each instance lags behind by as long
//! as the commit took to reach it, and by nothing else; while no instance runs, the time stands still.

use serde::{Deserialize, Serialize};

/// The fleet's time, as one instance knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetClock {
    /// The fleet's time at a commit, in nanoseconds.
    committed_ns: u64,
    /// When this instance learned of the commit, in nanoseconds of its own monotonic clock.
    learned_ns: u64,
}

// === impl FleetClock ===

impl FleetClock {
    /// The clock after a commit at a time of the fleet, which this instance learned of at
    /// `learned_ns` of its own monotonic clock.
    pub fn new(committed_ns: u64, learned_ns: u64) -> Self {
        Self { committed_ns, learned_ns }
    }

    /// The fleet's time at a time of this instance's monotonic clock, both in nanoseconds.
    pub fn fleet_ns(&self, own_ns: u64) -> u64 {
        if own_ns >= self.learned_ns {
            self.committed_ns.saturating_add(own_ns - self.learned_ns)
        } else {
            self.committed_ns.saturating_sub(self.learned_ns - own_ns)
        }
    }

    /// The clock after another commit. The fleet's time does not go back: an instance that is ahead
    /// of the commit stays ahead.
    #[must_use]
    pub fn adjusted(&self, committed_ns: u64, learned_ns: u64) -> Self {
        Self::new(committed_ns.max(self.fleet_ns(learned_ns)), learned_ns)
    }
}
