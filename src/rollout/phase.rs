//! Where a ramp stands.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::stats::names::PHASE_MANUAL;

/// Where a ramp stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// A step gathers evidence; its bake time is not over.
    Ramping,
    /// A step's bake time is over, and it may not go on yet.
    Holding,
    /// The ramp stays where it is until the operator says otherwise.
    Paused,
    /// Green has all traffic. Tripwires still look.
    Promoted,
    /// Blue has all traffic.
    RolledBack,
    /// There is no ramp: weights are set by hand.
    ByHand,
}

/// What a ramp is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldReason {
    /// For nothing: its end is reached.
    Nothing,
    /// For the bake time to be over.
    Bake,
    /// For a gate to be decided.
    Evidence,
    /// For anything at all to be told of green and of blue.
    Data,
    /// For units to be divided as the weights say.
    Division,
    /// For a metric to be told of equal parts of both versions.
    Unread,
    /// For an incident to be over that hits both versions.
    Incident,
    /// For a person to let it into the next step.
    Approval,
    /// For the operator to end a pause.
    Resume,
    /// For the operator to begin it again, since its state was lost.
    StateLost,
    /// For the operator to name another rollout, or to begin this one again.
    Restart,
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

impl fmt::Display for HoldReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "nothing",
            Self::Bake => "bake",
            Self::Evidence => "evidence",
            Self::Data => "data",
            Self::Division => "division",
            Self::Unread => "unread",
            Self::Incident => "incident",
            Self::Approval => "approval",
            Self::Resume => "resume",
            Self::StateLost => "state_lost",
            Self::Restart => "restart",
        })
    }
}
