//! The history of green's share.

use serde_json::json;
use verdigris::assignment::share_history::{MAX_INTERVALS, PROPAGATION_MS};
use verdigris::assignment::{Epoch, RollbackPolicy, Share, ShareHistory};

use crate::{START_MS, config_with, percent, setting};

fn share_at(history: &ShareHistory, time_ms: u64) -> Option<Share> {
    history.at(time_ms).map(|interval| interval.share)
}

#[test]
fn the_configured_history_precedes_the_recorded_one() {
    let conversation = json!({"history": [
        {"since": "2025-11-24T10:00:00Z", "weights": {"blue": 50, "green": 50}},
        {"since": "2025-11-24T09:00:00Z", "weights": {"blue": 99, "green": 1}},
    ]});
    let configured =
        config_with(json!({"conversation": conversation})).conversation.unwrap().history;
    let ten_ms = 1_763_978_400_000;
    let mut recorded = ShareHistory::default();
    recorded.record_delayed(ten_ms + 1_000, setting(Share::ALL, 0));
    let both = recorded.with_earlier(&configured);
    assert_eq!(share_at(&both, 0), None);
    assert_eq!(share_at(&both, ten_ms - 1), Some(percent(1)));
    assert_eq!(share_at(&both, ten_ms), Some(percent(50)));
    assert_eq!(share_at(&both, ten_ms + 1_000), Some(Share::ALL));

    recorded.record_rollback(ten_ms + 2_000, setting(Share::ZERO, 0), RollbackPolicy::Move);
    assert_eq!(share_at(&recorded.with_earlier(&configured), ten_ms), Some(Share::ZERO));
}

#[test]
fn the_oldest_intervals_are_dropped() {
    let mut history = ShareHistory::default();
    for change in 0..200 {
        history.record_delayed(START_MS + change * 10_000, setting(percent(change % 100), 0));
    }
    assert_eq!(history.at(START_MS + 10_000), None);
    let first_ms = START_MS + (200 - MAX_INTERVALS as u64) * 10_000 + PROPAGATION_MS;
    assert!(history.at(first_ms).is_some());
}

/// The first interval of a ramp can have a share of zero, in a baseline and a shadow step.
#[test]
fn a_share_of_zero_applies_at_once_with_its_epoch() {
    for policy in [RollbackPolicy::Move, RollbackPolicy::Finish] {
        let mut history = ShareHistory::default();
        for epoch in 1..200 {
            let now_ms = START_MS + u64::from(epoch) * 10_000;
            let all_blue = setting(Share::ZERO, epoch);
            assert!(history.record(now_ms, all_blue, policy), "{policy:?}");
            assert!(!history.record(now_ms + 1, all_blue, policy), "{policy:?}");
            let interval = history.at(now_ms).unwrap();
            assert_eq!((interval.share, interval.analysed_share), (Share::ZERO, Share::ALL));
            assert_eq!(interval.epoch, Epoch::new(epoch), "{policy:?}");
        }
        let is_kept = history.at(START_MS + 10_000).is_some();
        assert_eq!(is_kept, policy == RollbackPolicy::Move, "one interval, or at most the maximum");
    }
}
