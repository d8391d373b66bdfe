//! The history of shares, as workers share it.

use verdigris::assignment::{
    Epoch, RollbackPolicy, Share, ShareHistory, ShareInterval, StartStep, StartTime, StickyShare,
};
use verdigris::rollout::store::Record;
use verdigris::rollout::{Clocks, Phase, Snapshot, StoredHistory};

use super::memory_store::{MemoryStore, complete};

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
