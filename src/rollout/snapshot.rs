//! What every worker needs to know of a ramp: what is in force.

use serde::{Deserialize, Serialize};

use super::phase::Phase;
use crate::assignment::{Share, StepShares};

/// What is in force now. The one that decides writes it, all others read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Where the ramp stands.
    pub phase: Phase,
    /// The step, counted from 0.
    pub step: u16,
    /// The number that observations carry for the step. It grows with each step and each
    /// new beginning, so that what was decided before a new beginning is told apart.
    /// [`Self::MANUAL_EPOCH`] is no step's.
    pub epoch: u16,
    /// Green's share.
    pub share: Share,
    /// Green's share in the step before: the units in it are not new to this step.
    pub previous_share: Share,
    /// The share of all units that is compared.
    pub analysed_share: Share,
    /// Whether the step is held for longer than it should take.
    pub is_overdue: bool,
}

// === impl InForce ===

impl Snapshot {
    /// The number of a share by hand, which is no step's.
    pub const MANUAL_EPOCH: u16 = 0;

    /// Blue has everything, since it is not known what is in force.
    pub const UNKNOWN: Self = Self {
        phase: Phase::Paused,
        step: 0,
        epoch: 0,
        share: Share::ZERO,
        previous_share: Share::ZERO,
        analysed_share: Share::ZERO,
        is_overdue: false,
    };

    /// The shares of the step in force.
    pub fn step_shares(&self) -> StepShares {
        let Self { epoch, analysed_share, previous_share, .. } = *self;
        StepShares { epoch, analysed_share, previous_share }
    }
}
