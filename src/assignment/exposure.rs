//! Which assignments are evidence for a ramp.

use super::assign::{Assignment, Reason};
use super::bucket::{Share, analysis_hash};
use super::conversation::{StartStep, StickyShare};

/// What the analysis must know about an assignment that is evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exposure {
    /// The hash of the unit or the conversation for the analysis.
    pub unit: u64,
    /// The epoch of the step whose share decided.
    pub epoch: u16,
    /// Whether the step brought the unit into its comparison: it was on blue before.
    pub is_newly_exposed: bool,
}

/// The shares of a ramp's step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepShares {
    /// The step's epoch.
    pub epoch: u16,
    /// The share of all units that the step compares.
    pub analysed_share: Share,
    /// Green's share in the step before.
    pub previous_share: Share,
}

// === impl Exposure ===

impl Exposure {
    /// The exposure of a unit that a step's share has assigned; `None` where something else decided,
    /// or the step does not compare the unit.
    pub fn of_unit(
        rollout: &str,
        unit: &[u8],
        assignment: Assignment,
        step: StepShares,
    ) -> Option<Self> {
        let bucket = assignment.bucket.filter(|_| assignment.reason == Reason::Weight)?;
        step.analysed_share.contains(bucket).then(|| Self {
            unit: analysis_hash(rollout, unit),
            epoch: step.epoch,
            is_newly_exposed: !step.previous_share.contains(bucket),
        })
    }

    /// The exposure of a conversation by the share that it keeps; `None` where something else decided,
    /// or the step in which it began does not compare it. Every conversation is new to the step in
    /// which it began.
    pub fn of_conversation(
        rollout: &str,
        id: &[u8],
        assignment: Assignment,
        sticky: StickyShare,
    ) -> Option<Self> {
        let is_by_share = matches!(assignment.reason, Reason::Weight | Reason::Drained);
        let bucket = assignment.bucket.filter(|_| is_by_share)?;
        let StartStep { epoch, analysed_share } = sticky.step?;
        analysed_share.contains(bucket).then(|| Self {
            unit: analysis_hash(rollout, id),
            epoch,
            is_newly_exposed: true,
        })
    }
}
