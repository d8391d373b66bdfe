//! The phases of a rollout.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::stats::names::PHASE_MANUAL;

/// The phase of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// A step gathers evidence; its bake time has not ended.
    Ramping,
    /// A step's bake time has ended, and the ramp may not advance yet.
    Holding,
    /// The ramp stays in its step until the operator ends the pause.
    Paused,
    /// Green has all traffic. Tripwires stay active.
    Promoted,
    /// Blue has all traffic.
    RolledBack,
    /// There is no ramp: the weights are manual.
    ByHand,
}

// === impl Phase ===

impl Phase {
    /// The value of the `phase` gauge.
    pub fn gauge_value(self) -> u64 {
        match self {
            Self::Ramping => 0,
            Self::Holding => 1,
            Self::Paused => 2,
            Self::Promoted => 3,
            Self::RolledBack => 4,
            Self::ByHand => PHASE_MANUAL,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ramping => "ramping",
            Self::Holding => "holding",
            Self::Paused => "paused",
            Self::Promoted => "promoted",
            Self::RolledBack => "rolled_back",
            Self::ByHand => "by_hand",
        })
    }
}
