//! The history of shares, as workers share it.

use serde_json::json;
use verdigris::assignment::{
    AssignmentRequest, AssignmentRules, Conversation, EffectiveShare, Epoch, Exposure,
    MissingUnitPolicy, Pins, RollbackPolicy, Share, ShareHistory, ShareInterval, StartStep,
    StartTime, StickyShare, UnitKey, assign,
};
use verdigris::rollout::store::Record;
use verdigris::rollout::{Clocks, CommandKind, Phase, Snapshot, StoredHistory};

use super::harness::{RampHarness, Traffic};
use super::memory_store::{MemoryStore, complete};
use super::{GOOD, ramp_with};

const DAY_MS: u64 = 24 * 3600 * 1000;
const START_MS: u64 = 1_700_000_000_000;

fn at(unix_ms: u64) -> Clocks {
    Clocks { monotonic_ns: 0, unix_ms }
}

fn percent(green: u64) -> Share {
    Share::new(100 - green, green).unwrap()
}

fn history() -> StoredHistory {
    StoredHistory::new(ShareHistory::default(), DAY_MS, RollbackPolicy::Move)
}

fn share_of(history: &StoredHistory, began_ms: u64, now_ms: u64) -> Option<StickyShare> {
    history.sticky_share(StartTime::Known(began_ms), now_ms)
}

#[test]
fn all_workers_know_a_recorded_share() {
    let store = MemoryStore::default();
    let (recording, other) = (history(), history());
    assert_eq!(share_of(&recording, START_MS, START_MS), None);
    complete(recording.record_weights(&store, percent(5), at(START_MS)));
    complete(other.refresh(&store));
    let expected = StickyShare {
        share: percent(5),
        is_drained: false,
        step: Some(StartStep { epoch: Epoch::MANUAL, analysed_share: Share::ALL }),
    };
    for history in [&recording, &other] {
        assert_eq!(share_of(history, START_MS, START_MS + 1), Some(expected));
    }
}

#[test]
fn a_snapshot_is_recorded_with_its_epoch() {
    let store = MemoryStore::default();
    let history = history();
    let snapshot = Snapshot {
        phase: Phase::Ramping,
        epoch: Epoch::new(3),
        share: percent(25),
        analysed_share: percent(50),
        ..Snapshot::UNKNOWN
    };
    complete(history.record_snapshot(&store, snapshot, at(START_MS)));
    let later_ms = START_MS + 10_000;
    let step = Some(StartStep { epoch: Epoch::new(3), analysed_share: percent(50) });
    let expected = StickyShare { share: percent(25), is_drained: false, step };
    assert_eq!(share_of(&history, later_ms, later_ms), Some(expected));
}

#[test]
fn two_workers_that_record_at_once_lose_nothing() {
    let store = MemoryStore::default();
    let (one, other) = (history(), history());
    complete(one.record_weights(&store, percent(5), at(START_MS)));
    store.before_write(Record::History, move |store| {
        complete(other.record_weights(store, percent(10), at(START_MS + 60_000)));
    });
    complete(one.record_weights(&store, percent(20), at(START_MS + 120_000)));
    let shares = [0, 70_000, 130_000]
        .map(|after_ms| share_of(&one, START_MS + after_ms, START_MS + 200_000).map(|it| it.share));
    assert_eq!(shares, [Some(percent(5)), Some(percent(10)), Some(percent(20))]);
}

#[test]
fn the_configured_history_comes_before_the_stored_one() {
    let store = MemoryStore::default();
    let configured = ShareHistory::new(vec![ShareInterval {
        since_ms: START_MS - 10_000,
        share: percent(50),
        analysed_share: Share::ZERO,
        epoch: Epoch::MANUAL,
    }]);
    let history = StoredHistory::new(configured, DAY_MS, RollbackPolicy::Move);
    complete(history.record_weights(&store, percent(5), at(START_MS)));
    let share = |began_ms| share_of(&history, began_ms, START_MS + 1).map(|it| it.share);
    assert_eq!((share(START_MS - 5_000), share(START_MS)), (Some(percent(50)), Some(percent(5))));
}

#[test]
fn while_the_store_is_down_the_known_history_holds() {
    let store = MemoryStore::default();
    let history = history();
    complete(history.record_weights(&store, percent(5), at(START_MS)));
    store.is_down.set(true);
    complete(history.refresh(&store));
    complete(history.record_weights(&store, percent(50), at(START_MS + 60_000)));
    let now_ms = START_MS + 120_000;
    assert_eq!(share_of(&history, now_ms, now_ms).map(|it| it.share), Some(percent(5)));
}

/// The exposure by a conversation that begins now, where `snapshot` is in force.
fn exposure(history: &StoredHistory, snapshot: &Snapshot, now_ms: u64) -> Option<Exposure> {
    let sticky = share_of(history, now_ms, now_ms)?;
    let pins = Pins::default();
    let rules = AssignmentRules {
        rollout: "assistant-v8",
        pins: &pins,
        missing_unit: MissingUnitPolicy::Blue,
        conversations: Some(RollbackPolicy::Move),
    };
    let conversation = Some(Conversation { id: b"chat-1", sticky });
    let request = AssignmentRequest { unit: Some(b"ada"), forced: None, conversation };
    let effective = match snapshot.phase {
        Phase::RolledBack => EffectiveShare::RolledBack,
        _ => EffectiveShare::Share(snapshot.share),
    };
    let assignment = assign(&rules, effective, request, || unreachable!());
    let key = UnitKey::from_bytes(&[7; UnitKey::LENGTH]).unwrap();
    Exposure::find(key, &rules, &request, assignment, snapshot.step_shares())
}

/// A baseline learns from conversations and a shadow step pairs them, although no one is on green.
#[test]
fn conversations_are_evidence_where_a_ramp_has_no_green_yet() {
    const NO_TRAFFIC: Traffic = Traffic { each: 0, blue_bad: 0, green_bad: 0 };
    for policy in [RollbackPolicy::Move, RollbackPolicy::Finish] {
        let store = MemoryStore::default();
        let history = StoredHistory::new(ShareHistory::default(), DAY_MS, policy);
        let steps = json!([{"shadow": 10, "pairs": 1000}, 50, 100]);
        let gates = json!([{"metric": "error_rate"}, {"metric": "duration"}]);
        let spec = json!({"steps": steps, "baseline": "10m", "adjust": true, "gates": gates});
        let mut ramp = RampHarness::new(ramp_with(spec));
        let epoch_of_evidence = |ramp: &RampHarness| {
            let (now, snapshot) = (ramp.now(), ramp.state.snapshot(ramp.spec()));
            complete(history.record_snapshot(&store, snapshot, now));
            exposure(&history, &snapshot, now.unix_ms + 5_000).map(|it| it.epoch)
        };
        assert!(ramp.state.is_baseline());
        let in_baseline = epoch_of_evidence(&ramp);
        assert_eq!(in_baseline, Some(ramp.state.epoch), "{policy:?}");
        ramp.run(600, NO_TRAFFIC);
        assert!(!ramp.state.is_baseline() && ramp.state.is_shadow_step());
        let in_shadow_step = epoch_of_evidence(&ramp);
        assert_eq!(in_shadow_step, Some(ramp.state.epoch), "{policy:?}");
        assert_ne!(in_shadow_step, in_baseline);
        ramp.run_pairs(120, GOOD);
        assert!(!ramp.state.is_shadow_step(), "{:#?}", ramp.log());
        assert_eq!(epoch_of_evidence(&ramp), Some(ramp.state.epoch), "{policy:?}");
        // An operator's share belongs to no step, and after a rollback nothing is evidence.
        ramp.command(CommandKind::Weights(Share::ZERO)).unwrap();
        assert_eq!(epoch_of_evidence(&ramp), Some(Epoch::MANUAL), "{policy:?}");
        ramp.command(CommandKind::Rollback).unwrap();
        assert_eq!(epoch_of_evidence(&ramp), None, "{policy:?}");
    }
}
