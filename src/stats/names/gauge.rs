//! The gauges of the rollout.

use std::fmt;

/// The value of the `phase` gauge while the weights are manual.
pub const PHASE_MANUAL: u64 = 5;

/// A gauge of the rollout as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gauge {
    /// Green's share in force, in basis points.
    GreenBp,
    /// The ramp's phase; [`PHASE_MANUAL`] without a ramp.
    Phase,
    /// The index of the ramp's step; 0 without a ramp.
    Step,
    /// 1 while the ramp holds its step for longer than its `timeout`, else 0.
    Overdue,
    /// 1 while the ramp is in its shadow step, else 0.
    ShadowStep,
    /// 1 while this Envoy's fleet counts its store as away, else 0; 0 without a fleet.
    StoreAway,
    /// What the judge has cost on this day of UTC, in millionths of a US dollar.
    JudgeSpentMicrousd,
}

// === impl Gauge ===

impl Gauge {
    /// The gauges of each rollout. A judge has another one.
    pub const ALL: [Self; 6] =
        [Self::GreenBp, Self::Phase, Self::Step, Self::Overdue, Self::ShadowStep, Self::StoreAway];
}

impl fmt::Display for Gauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GreenBp => "green_bp",
            Self::Phase => "phase",
            Self::Step => "step",
            Self::Overdue => "overdue",
            Self::ShadowStep => "shadow_step",
            Self::StoreAway => "store_away",
            Self::JudgeSpentMicrousd => "judge_spent_microusd",
        })
    }
}
