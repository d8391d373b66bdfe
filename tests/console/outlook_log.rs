//! Which outlooks are logged.

use std::cell::Cell;

use serde_json::json;
use verdigris::console::outlook::Outlook;
use verdigris::console::outlook_log::OutlookLog;
use verdigris::rollout::{Phase, RampState};

use crate::harness::RampHarness;

const SECOND_NS: u64 = 1_000_000_000;

/// A state that was changed at this second.
fn state(second: u64) -> RampState {
    let mut state = RampHarness::new(json!({"gates": [{"metric": "error_rate"}]})).state;
    state.revision = second * SECOND_NS;
    state
}

#[test]
fn too_little_is_logged_once_in_a_step() {
    let mut log = OutlookLog::default();
    let looks = Cell::new(0);
    let too_little = || {
        looks.set(looks.get() + 1);
        Some(Outlook::TooLittle("too\u{a0}few".to_owned()))
    };
    let first = state(3600);
    assert_eq!(log.observe(&first, too_little), Some("too few".to_owned()));
    for second in [3600, 3700, 9000] {
        assert_eq!(log.observe(&state(second), too_little), None);
    }
    assert_eq!(looks.get(), 1);
    let mut next_step = state(9100);
    next_step.epoch = first.epoch.plus(1);
    assert_eq!(log.observe(&next_step, too_little), Some("too few".to_owned()));
}

#[test]
fn it_looks_once_a_minute_while_the_step_compares() {
    let mut log = OutlookLog::default();
    let looks = Cell::new(0);
    let enough = || {
        looks.set(looks.get() + 1);
        Some(Outlook::Enough("enough".to_owned()))
    };
    for second in 3600..3660 {
        assert_eq!(log.observe(&state(second), enough), None);
    }
    assert_eq!(looks.get(), 1);
    assert_eq!(log.observe(&state(3660), enough), None);
    assert_eq!(looks.get(), 2);
    for phase in [Phase::Paused, Phase::Promoted, Phase::RolledBack] {
        let mut state = state(9000);
        state.phase = phase;
        assert_eq!(log.observe(&state, enough), None);
    }
    assert_eq!(looks.get(), 2);
    assert_eq!(log.observe(&state(9000), || None), None);
}
