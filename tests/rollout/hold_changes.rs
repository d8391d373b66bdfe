//! Which changes of what a ramp waits for are logged.

use serde_json::json;
use verdigris::rollout::{HoldChanges, HoldReason, Phase};

use super::apply_command::with_approval;
use super::harness::{RampHarness, Traffic};
use super::{GOOD, NO_TRAFFIC, ramp_with};

/// The changes that are reported within so many seconds.
fn observe(
    ramp: &mut RampHarness,
    changes: &mut HoldChanges,
    seconds: u64,
    traffic: Traffic,
) -> Vec<HoldReason> {
    let run = |_| {
        ramp.run(1, traffic);
        let now_ns = ramp.now().monotonic_ns;
        changes.observe(&ramp.state, || Some(now_ns))
    };
    (0..seconds).filter_map(run).collect()
}

/// The beginning of a hold names its reason. An operator must learn later ones as well, above all that it is
/// his turn.
#[test]
fn each_later_reason_to_hold_is_reported() {
    let mut ramp = RampHarness::new(with_approval());
    let mut changes = HoldChanges::default();
    assert_eq!(observe(&mut ramp, &mut changes, 200, NO_TRAFFIC), []);
    assert_eq!((ramp.phase(), ramp.state.hold_reason), (Phase::Holding, HoldReason::Data));
    let reported = observe(&mut ramp, &mut changes, 600, GOOD);
    assert_eq!(reported.last(), Some(&HoldReason::Approval), "{reported:?}");
    assert_eq!(ramp.state.hold_reason, HoldReason::Approval);
    assert_eq!(observe(&mut ramp, &mut changes, 600, GOOD), []);
}

#[test]
fn a_reason_that_changes_at_each_tick_is_reported_once_a_minute() {
    let mut ramp = RampHarness::new(ramp_with(json!({})));
    ramp.run(200, NO_TRAFFIC);
    let mut changes = HoldChanges::default();
    let mut state = ramp.state.clone();
    let mut reported = 0;
    for second in 0..600_u64 {
        let is_even = second % 2 == 0;
        state.hold_reason = if is_even { HoldReason::Data } else { HoldReason::Unread };
        let now_ns = || Some(second * 1_000_000_000);
        reported += usize::from(changes.observe(&state, now_ns).is_some());
    }
    assert_eq!(reported, 10);
}

#[test]
fn a_ramp_that_does_not_hold_reports_nothing() {
    let mut changes = HoldChanges::default();
    let mut ramp = RampHarness::new(ramp_with(json!({})));
    assert_eq!(observe(&mut ramp, &mut changes, 600, GOOD), []);
    assert_eq!(ramp.phase(), Phase::Promoted);
}
