//! The assignments that are evidence for a ramp.

use verdigris::assignment::{
    Assignment, AssignmentRequest, AssignmentRules, Conversation, Epoch, Exposure,
    MissingUnitPolicy, Pins, Reason, RollbackPolicy, Share, StartStep, StepShares, StickyShare,
    UnitKey, Version, bucket_hash,
};

const ROLLOUT: &str = "assistant-v8";
const KEY: &[u8] = b"ada";
const EPOCH: Epoch = Epoch::new(7);

fn unit_key() -> UnitKey {
    UnitKey::from_bytes(&[7; UnitKey::LENGTH]).unwrap()
}

/// A share that does not contain the key's bucket.
fn share_without_key() -> Share {
    let bucket = bucket_hash(ROLLOUT, KEY);
    let share = Share::new(u64::from(u32::MAX - bucket) / 4, u64::from(bucket) / 8).unwrap();
    assert!(!share.contains(bucket));
    share
}

/// An assignment that the key's bucket decided.
fn by_share(reason: Reason) -> Assignment {
    let bucket = Some(bucket_hash(ROLLOUT, KEY));
    Assignment { version: Version::Blue, reason, bucket }
}

fn exposed(is_newly_exposed: bool) -> Option<Exposure> {
    Some(Exposure { unit: unit_key().hash(KEY), epoch: EPOCH, is_newly_exposed })
}

fn find(
    conversations: Option<RollbackPolicy>,
    conversation: Option<Conversation<'_>>,
    assignment: Assignment,
    step: StepShares,
) -> Option<Exposure> {
    let pins = Pins::default();
    let missing_unit = MissingUnitPolicy::Blue;
    let rules = AssignmentRules { rollout: ROLLOUT, pins: &pins, missing_unit, conversations };
    let request = AssignmentRequest { unit: Some(KEY), forced: None, conversation };
    Exposure::find(unit_key(), &rules, &request, assignment, step)
}

/// A client can make as many conversations as it likes, and units cannot.
#[test]
fn a_conversation_counts_for_its_unit_where_that_is_known() {
    let sticky = StickyShare {
        share: Share::ALL,
        is_drained: false,
        step: Some(StartStep { epoch: EPOCH, analysed_share: Share::ALL }),
    };
    let step = StepShares { epoch: EPOCH, analysed_share: Share::ALL, previous_share: Share::ZERO };
    let pins = Pins::default();
    let rules = AssignmentRules {
        rollout: ROLLOUT,
        pins: &pins,
        missing_unit: MissingUnitPolicy::Blue,
        conversations: Some(RollbackPolicy::Move),
    };
    let counted = |unit: Option<&[u8]>, id: &[u8]| {
        let conversation = Some(Conversation { id, sticky });
        let request = AssignmentRequest { unit, forced: None, conversation };
        let assignment = by_share(Reason::Weight);
        Exposure::find(unit_key(), &rules, &request, assignment, step).unwrap().unit
    };
    let ada = counted(Some(b"ada"), b"1");
    assert_eq!(counted(Some(b"ada"), b"2"), ada);
    assert_ne!(counted(Some(b"grace"), b"1"), ada);
    assert_ne!(counted(None, b"1"), counted(None, b"2"));
}

/// It is newly exposed if the step before left it on blue.
#[test]
fn a_unit_is_evidence_if_the_step_compares_its_bucket() {
    let below = share_without_key();
    let other = |reason| Assignment::new(Version::Blue, reason);
    // The assignment, the step's analysed share, the share of the step before.
    let cases = [
        (by_share(Reason::Weight), Share::ALL, Share::ZERO, exposed(true)),
        (by_share(Reason::Weight), Share::ALL, below, exposed(true)),
        (by_share(Reason::Weight), Share::ALL, Share::ALL, exposed(false)),
        (by_share(Reason::Weight), below, Share::ZERO, None),
        (by_share(Reason::Drained), Share::ALL, Share::ZERO, None),
        (other(Reason::Pinned), Share::ALL, Share::ZERO, None),
        (other(Reason::RolledBack), Share::ALL, Share::ZERO, None),
    ];
    for (assignment, analysed_share, previous_share, expected) in cases {
        let step = StepShares { epoch: EPOCH, analysed_share, previous_share };
        assert_eq!(find(None, None, assignment, step), expected, "{assignment:?} {step:?}");
        let conversations = Some(RollbackPolicy::Move);
        let exposure = find(conversations, None, assignment, step);
        assert_eq!(exposure, None, "conversations are the unit of analysis");
    }
}

#[test]
fn a_conversation_is_evidence_in_the_step_in_which_it_began() {
    let begun_in = |analysed_share| Some(StartStep { epoch: EPOCH, analysed_share });
    let cases = [
        (by_share(Reason::Weight), begun_in(Share::ALL), exposed(true)),
        (by_share(Reason::Drained), begun_in(Share::ALL), exposed(true)),
        (by_share(Reason::Weight), begun_in(share_without_key()), None),
        (by_share(Reason::Weight), None, None),
        (Assignment::new(Version::Blue, Reason::RolledBack), begun_in(Share::ALL), None),
    ];
    let current =
        StepShares { epoch: Epoch::new(9), analysed_share: Share::ALL, previous_share: Share::ALL };
    for (assignment, step, expected) in cases {
        let sticky = StickyShare { share: Share::ALL, is_drained: false, step };
        let conversation = Some(Conversation { id: KEY, sticky });
        let exposure = find(Some(RollbackPolicy::Move), conversation, assignment, current);
        assert_eq!(exposure, expected, "{assignment:?} {step:?}");
    }
}
