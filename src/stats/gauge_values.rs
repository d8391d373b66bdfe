//! The values of the gauges.

use super::names::{Gauge, PHASE_MANUAL};

/// The values of a rollout's gauges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GaugeValues {
    /// Green's share in force, in basis points.
    pub green_bp: u64,
    /// The phase, in the numbers of the `phase` gauge.
    pub phase: u64,
    /// The index of the ramp's step.
    pub step: u64,
    /// Whether the ramp holds its step for longer than its `timeout`.
    pub is_overdue: bool,
    /// Whether the ramp is in its shadow step.
    pub is_shadow_step: bool,
    /// Whether the store of the fleet is away.
    pub is_store_away: bool,
}

// === impl GaugeValues ===

impl GaugeValues {
    /// The values of a rollout that no configuration runs. Manual weights start from them.
    pub const INACTIVE: Self = Self {
        green_bp: 0,
        phase: PHASE_MANUAL,
        step: 0,
        is_overdue: false,
        is_shadow_step: false,
        is_store_away: false,
    };

    /// Each gauge with its value.
    pub fn entries(self) -> [(Gauge, u64); 6] {
        [
            (Gauge::GreenBp, self.green_bp),
            (Gauge::Phase, self.phase),
            (Gauge::Step, self.step),
            (Gauge::Overdue, self.is_overdue.into()),
            (Gauge::ShadowStep, self.is_shadow_step.into()),
            (Gauge::StoreAway, self.is_store_away.into()),
        ]
    }
}
