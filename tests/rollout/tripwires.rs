//! The effect of tripwires on a ramp.

use serde_json::{Value, json};
use verdigris::analysis::{Measurements, Metric, Observation, TripwireWindow};
use verdigris::assignment::{Share, Version};
use verdigris::config::Config;
use verdigris::rollout::{Clocks, CommandKind, HoldReason, Phase, RampState};

use super::harness::{RampHarness, Traffic, unit_hash};
use super::{BROKEN, GOOD, ramp_with};

fn with_tripwire(tripwire: Value) -> Value {
    ramp_with(json!({"tripwires": [tripwire]}))
}

fn error_tripwire() -> Value {
    json!({"metric": "error_rate", "limit": 0.5, "minimum": 20, "window": "10s"})
}

#[test]
fn a_tripwire_rolls_back_at_once() {
    let mut ramp = RampHarness::new(with_tripwire(error_tripwire()));
    ramp.run(1, BROKEN);
    assert_eq!(ramp.phase(), Phase::RolledBack);
    assert!(ramp.log()[1].contains("tripwire: error_rate of green was 1.0000"), "{:?}", ramp.log());
}

#[test]
fn a_tripwire_rolls_back_after_the_promotion_too() {
    let mut ramp = RampHarness::new(with_tripwire(error_tripwire()));
    ramp.run(700, GOOD);
    assert_eq!(ramp.phase(), Phase::Promoted);
    ramp.run(10, BROKEN);
    assert_eq!(ramp.phase(), Phase::RolledBack);
}

const BOTH_DOWN: Traffic = Traffic { blue_bad: 20, green_bad: 20, ..GOOD };

#[test]
fn an_incident_of_both_versions_holds_the_ramp_until_it_ends() {
    let mut ramp = RampHarness::new(with_tripwire(error_tripwire()));
    ramp.run(5, GOOD);
    ramp.run(30, BOTH_DOWN);
    assert_eq!((ramp.phase(), ramp.state.hold_reason), (Phase::Holding, HoldReason::Incident));
    ramp.run(30, GOOD);
    assert_eq!((ramp.phase(), ramp.state.hold_reason), (Phase::Ramping, HoldReason::Bake));
    let log = ramp.log();
    assert!(log[1].contains("waits for incident: error_rate of green was"), "{log:#?}");
    assert!(log[2].contains("the incident is over"), "{log:#?}");
    ramp.run(700, GOOD);
    assert_eq!(ramp.phase(), Phase::Promoted, "{:#?}", ramp.log());
}

#[test]
fn an_absolute_tripwire_rolls_back_in_an_incident() {
    let absolute = json!({"metric": "error_rate", "limit": 0.5, "window": "10s", "absolute": true});
    let mut ramp = RampHarness::new(with_tripwire(absolute));
    ramp.run(5, BOTH_DOWN);
    assert_eq!(ramp.phase(), Phase::RolledBack);
}

/// In a window with two shares, one version has most of its responses in the newer part, and an
/// outage of both versions would look like its own.
#[test]
fn windows_are_cleared_when_the_share_changes() {
    let mut ramp = RampHarness::new(with_tripwire(
        json!({"metric": "error_rate", "limit": 0.5, "window": "10m"}),
    ));
    let is_empty = |ramp: &RampHarness| {
        ramp.state.windows.iter().all(|window| *window == TripwireWindow::default())
    };
    ramp.run(30, GOOD);
    assert!(!is_empty(&ramp));
    let step = ramp.state.step;
    (0..700).find(|_| {
        ramp.run(1, GOOD);
        ramp.state.step > step
    });
    assert!(is_empty(&ramp));
    ramp.run(1, GOOD);
    for kind in [CommandKind::Weights(Share::new(9, 1).unwrap()), CommandKind::Resume] {
        ramp.command(kind).unwrap();
        assert!(is_empty(&ramp), "{kind:?}");
        ramp.run(1, GOOD);
    }
}

/// 200 users, ten requests a second, a step of 1 %: both users of green fail always. In half a
/// minute they send three requests, and two units are too few for the gates.
#[test]
fn the_default_tripwires_notice_two_users_that_always_fail() {
    let config = json!({
        "rollout": "r", "unit": {"header": "u"}, "ramp": {},
        "versions": {"blue": {"cluster": "b"}, "green": {"cluster": "g"}},
    });
    let spec = Config::parse(config.to_string().as_bytes()).unwrap().ramp.unwrap();
    let clocks =
        |second: u64| Clocks { monotonic_ns: second * 1_000_000_000, unix_ms: second * 1_000 };
    let mut state = RampState::new(&spec, clocks(0));
    let mut requests = 0_u64;
    let rolled_back_at = (1..=600).find(|second| {
        let observe = |_| {
            requests += 1;
            let user = (requests.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % 200;
            let is_green = user < 2;
            Observation {
                at_ns: clocks(*second).monotonic_ns,
                unit: unit_hash(user),
                epoch: state.epoch,
                version: if is_green { Version::Green } else { Version::Blue },
                is_newly_exposed: true,
                is_assignment: true,
                measurements: Measurements::default().with_rate(Metric::ErrorRate, is_green),
            }
        };
        let observations: Vec<_> = (0..10).map(observe).collect();
        state.reconcile(&spec, clocks(*second), &observations);
        state.phase == Phase::RolledBack
    });
    assert!(rolled_back_at.is_some_and(|second| second < 400), "{rolled_back_at:?}");
}
