//! The snapshot of a ramp that every worker needs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::phase::Phase;
use crate::analysis::StepIndex;
use crate::assignment::{Epoch, Share, StepShares};
use crate::stats::GaugeValues;

/// What is in force. The leader publishes it, and all workers assign by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The ramp's phase.
    pub phase: Phase,
    /// The ramp's step.
    pub step: StepIndex,
    /// The epoch that observations carry; [`Epoch::MANUAL`] while an operator's share is in
    /// force.
    pub epoch: Epoch,
    /// Green's share.
    pub share: Share,
    /// Green's share in the step before. Its units are not new to this step.
    pub previous_share: Share,
    /// The share of all units that is compared.
    pub analysed_share: Share,
    /// Whether the step is held for longer than its timeout.
    pub is_overdue: bool,
    /// The duration above which a response is slow, if it was learned from blue.
    pub learned_objective: Option<Duration>,
    /// Whether the ramp is in its shadow step: no user is on green, and green answers copies of
    /// blue's requests.
    pub is_shadow_step: bool,
}

// === impl Snapshot ===

impl Snapshot {
    /// Everything on blue, as long as a worker does not know what is in force.
    pub const UNKNOWN: Self = Self {
        phase: Phase::Paused,
        step: StepIndex::FIRST,
        epoch: Epoch::MANUAL,
        share: Share::ZERO,
        previous_share: Share::ZERO,
        analysed_share: Share::ZERO,
        is_overdue: false,
        learned_objective: None,
        is_shadow_step: false,
    };

    /// The shares of the step in force.
    pub fn step_shares(&self) -> StepShares {
        let Self { epoch, analysed_share, previous_share, .. } = *self;
        StepShares { epoch, analysed_share, previous_share }
    }

    /// The values of the rollout's gauges, where its fleet's store is not away.
    pub fn gauge_values(&self) -> GaugeValues {
        GaugeValues {
            green_bp: self.share.basis_points().into(),
            phase: self.phase.gauge_value(),
            step: self.step.into(),
            is_overdue: self.is_overdue,
            is_shadow_step: self.is_shadow_step,
            is_store_away: false,
        }
    }
}
