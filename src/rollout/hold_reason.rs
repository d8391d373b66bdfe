//! What a ramp waits for.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a ramp waits for before its next transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldReason {
    /// Nothing: the ramp has reached its end.
    Nothing,
    /// The end of the bake time.
    Bake,
    /// Evidence that green is safe.
    Evidence,
    /// A first unit of each version.
    Data,
    /// A ratio of units that matches the weights.
    #[serde(rename = "division")]
    SampleRatioMismatch,
    /// A metric that is known for equal fractions of both versions.
    Unread,
    /// The end of an incident that affects both versions.
    Incident,
    /// A person's approval of the next step.
    Approval,
    /// The end of a pause.
    Resume,
    /// A new value of `ramp.restart`, because the state was lost.
    StateLost,
    /// A new value of `ramp.restart`, or another rollout, after a rollback.
    Restart,
    /// Pairs of responses that show that green is safe, in a shadow step.
    Pairs,
    /// The end of the baseline.
    Baseline,
}

// === impl HoldReason ===

impl fmt::Display for HoldReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "nothing",
            Self::Bake => "bake",
            Self::Evidence => "evidence",
            Self::Data => "data",
            Self::SampleRatioMismatch => "division",
            Self::Unread => "unread",
            Self::Incident => "incident",
            Self::Approval => "approval",
            Self::Resume => "resume",
            Self::StateLost => "state_lost",
            Self::Restart => "restart",
            Self::Pairs => "pairs",
            Self::Baseline => "baseline",
        })
    }
}
