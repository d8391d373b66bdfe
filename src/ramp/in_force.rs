//! What every worker needs to know of a ramp: what is in force.

use serde::{Deserialize, Serialize};

use super::phase::Phase;
use crate::assign::Share;

/// What is in force now. The one that decides writes it, all others read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InForce {
    /// Where the ramp stands.
    pub phase: Phase,
    /// The step, counted from 0.
    pub step: u16,
    /// The number that observations carry for the step. It grows with each step and each
    /// new beginning, so that what was decided before a new beginning is told apart.
    /// [`Self::BY_HAND`] is no step's.
    pub number: u16,
    /// Green's share.
    pub share: Share,
    /// Green's share in the step before: the units in it are not new to this step.
    pub before: Share,
    /// The share of all units that is compared.
    pub compared: Share,
    /// Whether the step is held for longer than it should take.
    pub is_overdue: bool,
}

// === impl InForce ===

impl InForce {
    /// The number of a share by hand, which is no step's.
    pub const BY_HAND: u16 = 0;

    /// Blue has everything, since it is not known what is in force.
    pub const UNKNOWN: Self = Self {
        phase: Phase::Paused,
        step: 0,
        number: 0,
        share: Share::NONE,
        before: Share::NONE,
        compared: Share::NONE,
        is_overdue: false,
    };
}
