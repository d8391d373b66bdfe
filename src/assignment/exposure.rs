//! The assignments that are evidence for a ramp.

use super::assign::{Assignment, AssignmentRequest, AssignmentRules, Reason};
use super::bucket::Share;
use super::conversation::Conversation;
use super::epoch::Epoch;
use super::unit_key::UnitKey;

/// An assignment that is evidence, as the analysis sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exposure {
    /// The hash of the unit, or of the conversation where the unit is not known
    /// ([`UnitKey::hash`]).
    pub unit: u64,
    /// The epoch of the step that decided.
    pub epoch: Epoch,
    /// Whether the step exposed the unit for the first time: the step before left it on blue.
    pub is_newly_exposed: bool,
}

/// The shares of a ramp's step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepShares {
    /// The step's epoch.
    pub epoch: Epoch,
    /// The share of all units that the step compares.
    pub analysed_share: Share,
    /// Green's share in the step before.
    pub previous_share: Share,
}

// === impl Exposure ===

impl Exposure {
    /// The exposure by a request, or `None` if its assignment is no evidence.
    ///
    /// An assignment is evidence if a share decided it and the step compares its bucket. If the
    /// rollout keeps conversations, these are assigned: a request without a conversation is no
    /// evidence, and a conversation counts in the step in which it began. It counts for its unit,
    /// where the request has one: a client can make as many conversations as it likes. Of a unit
    /// with conversations on both versions, the first one in the step decides.
    pub fn find(
        key: UnitKey,
        rules: &AssignmentRules<'_>,
        request: &AssignmentRequest<'_>,
        assignment: Assignment,
        step: StepShares,
    ) -> Option<Self> {
        match (request.conversation, rules.conversations) {
            (Some(conversation), _) => {
                Self::of_conversation(key, request.unit, conversation, assignment)
            }
            (None, Some(_)) => None,
            (None, None) => Self::of_unit(key, request.unit?, assignment, step),
        }
    }

    fn of_unit(
        key: UnitKey,
        unit: &[u8],
        assignment: Assignment,
        step: StepShares,
    ) -> Option<Self> {
        let bucket = assignment.bucket.filter(|_| assignment.reason == Reason::Weight)?;
        step.analysed_share.contains(bucket).then(|| Self {
            unit: key.hash(unit),
            epoch: step.epoch,
            is_newly_exposed: !step.previous_share.contains(bucket),
        })
    }

    fn of_conversation(
        key: UnitKey,
        unit: Option<&[u8]>,
        Conversation { id, sticky }: Conversation<'_>,
        assignment: Assignment,
    ) -> Option<Self> {
        let is_by_share = matches!(assignment.reason, Reason::Weight | Reason::Drained);
        let bucket = assignment.bucket.filter(|_| is_by_share)?;
        let step = sticky.step?;
        step.analysed_share.contains(bucket).then(|| Self {
            unit: key.hash(unit.unwrap_or(id)),
            epoch: step.epoch,
            // Every conversation is new to the step in which it began.
            is_newly_exposed: true,
        })
    }
}
