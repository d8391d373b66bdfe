//! The machine that walks a ramp, tick by tick.

mod apply_command;
mod controller;
mod manual;
mod measurements;

use serde_json::json;
use verdigris::analysis::tripwire::Window;
use verdigris::analysis::{Measurements, Metric, Observation};
use verdigris::assignment::{Share, Version, analysis_hash};
use verdigris::config::Config;
use verdigris::rollout::CommandKind;
use verdigris::rollout::{Clocks, HoldReason, Phase, RampState};

use controller::{Seen, Walk};

/// What a second brings of a healthy service.
const GOOD: Seen = Seen { each: 30, blue_bad: 0, green_bad: 0 };
/// Green fails in a tenth of its responses.
const BAD: Seen = Seen { each: 30, blue_bad: 0, green_bad: 3 };
/// Green fails in all.
const BROKEN: Seen = Seen { each: 30, blue_bad: 0, green_bad: 30 };
/// Both fail in all.
const BOTH: Seen = Seen { each: 30, blue_bad: 30, green_bad: 30 };
const NOTHING: Seen = Seen { each: 0, blue_bad: 0, green_bad: 0 };

/// Halves first, so that each version has as many units.
fn ramp() -> serde_json::Value {
    json!({
        "steps": [50, 75, 100], "bake": "60s", "warmup": "0s", "timeout": "1h",
        "gates": [{"metric": "error_rate"}],
        "tripwires": [],
    })
}

fn with(differs: serde_json::Value) -> serde_json::Value {
    let mut ramp = ramp();
    ramp.as_object_mut().unwrap().extend(differs.as_object().unwrap().clone());
    ramp
}

#[test]
fn a_good_green_is_promoted_step_by_step() {
    let mut walk = Walk::begin(ramp());
    assert_eq!((walk.phase(), walk.state.hold_reason), (Phase::Ramping, HoldReason::Bake));
    walk.seconds(59, GOOD);
    assert_eq!((walk.phase(), walk.state.step), (Phase::Ramping, 0));
    walk.seconds(600, GOOD);
    assert_eq!(walk.phase(), Phase::Promoted, "{:#?}", walk.log());
    assert_eq!(walk.share().map(Share::basis_points), Some(10_000));
    let log = walk.log();
    assert_eq!(log.len(), 4, "{log:#?}");
    assert!(log[1].contains("ramping at 50 % -> ramping at 75 %: green is safe"), "{log:#?}");
}

#[test]
fn a_bad_green_is_rolled_back() {
    let mut walk = Walk::begin(ramp());
    walk.seconds(60, BAD);
    assert_eq!((walk.phase(), walk.state.hold_reason), (Phase::RolledBack, HoldReason::Restart));
    assert_eq!(walk.share(), Some(Share::ZERO));
    let last = walk.log().pop().unwrap();
    assert!(
        last.contains("green is worse: worse 10^") && last.contains("error_rate fail"),
        "{last}"
    );
    // It stays so, whatever comes.
    walk.seconds(600, GOOD);
    assert_eq!(walk.phase(), Phase::RolledBack);
}

#[test]
fn nothing_moves_for_want_of_evidence() {
    let mut walk = Walk::begin(ramp());
    walk.seconds(7200, NOTHING);
    assert_eq!(
        (walk.phase(), walk.state.hold_reason, walk.state.step),
        (Phase::Holding, HoldReason::Data, 0)
    );
    // Once held, once overdue.
    let log = walk.log();
    assert_eq!(log.len(), 3, "{log:#?}");
    assert!(log[2].contains("overdue, waits for data"), "{log:#?}");
    walk.seconds(5, GOOD);
    assert_eq!((walk.phase(), walk.state.hold_reason), (Phase::Holding, HoldReason::Evidence));
}

#[test]
fn an_incident_that_hits_both_holds() {
    let mut walk = Walk::begin(ramp());
    walk.seconds(30, BOTH);
    assert_eq!((walk.phase(), walk.state.step), (Phase::Ramping, 0));
}

#[test]
fn units_that_are_not_divided_by_the_weights_hold() {
    // Half of the units are green's, and the weights say a quarter.
    let mut walk = Walk::begin(with(json!({"steps": [25, 100]})));
    walk.seconds(300, GOOD);
    assert_eq!((walk.phase(), walk.state.hold_reason), (Phase::Holding, HoldReason::Division));
}

#[test]
fn a_tripwire_acts_at_once_and_after_the_promotion_too() {
    let wires = json!([{"metric": "error_rate", "limit": 0.5, "minimum": 20, "window": "10s"}]);
    let mut walk = Walk::begin(with(json!({"tripwires": wires})));
    walk.seconds(1, BROKEN);
    assert_eq!(walk.phase(), Phase::RolledBack);
    assert!(walk.log()[1].contains("tripwire: error_rate of green was 1.0000"), "{:?}", walk.log());

    let mut walk = Walk::begin(with(json!({"tripwires": wires})));
    walk.seconds(700, GOOD);
    assert_eq!(walk.phase(), Phase::Promoted);
    walk.seconds(10, BROKEN);
    assert_eq!(walk.phase(), Phase::RolledBack);
}

/// Both versions are down for a while: the ramp waits, and goes on by itself.
#[test]
fn an_incident_holds_the_ramp_until_it_is_over() {
    let wires = json!([{"metric": "error_rate", "limit": 0.5, "minimum": 20, "window": "10s"}]);
    let mut walk = Walk::begin(with(json!({"tripwires": wires})));
    let down = Seen { blue_bad: 20, green_bad: 20, ..GOOD };
    walk.seconds(5, GOOD);
    walk.seconds(30, down);
    assert_eq!((walk.phase(), walk.state.hold_reason), (Phase::Holding, HoldReason::Incident));
    walk.seconds(30, GOOD);
    assert_eq!((walk.phase(), walk.state.hold_reason), (Phase::Ramping, HoldReason::Bake));
    let log = walk.log();
    assert!(log[1].contains("waits for incident: error_rate of green was"), "{log:#?}");
    assert!(log[2].contains("the incident is over"), "{log:#?}");
    walk.seconds(700, GOOD);
    assert_eq!(walk.phase(), Phase::Promoted, "{:#?}", walk.log());

    let wires = json!([{"metric": "error_rate", "limit": 0.5, "window": "10s", "absolute": true}]);
    let mut walk = Walk::begin(with(json!({"tripwires": wires})));
    walk.seconds(5, down);
    assert_eq!(walk.phase(), Phase::RolledBack);
}

/// Where the shares change, tripwires look anew: in a window that has both shares, one version
/// has most of its responses in the newer part, and an outage of both would seem to be its own.
#[test]
fn tripwires_look_anew_where_the_shares_change() {
    let wires = json!([{"metric": "error_rate", "limit": 0.5, "window": "10m"}]);
    let mut walk = Walk::begin(with(json!({"tripwires": wires})));
    let is_empty = |walk: &Walk| walk.state.windows.iter().all(|it| *it == Window::default());
    walk.seconds(30, GOOD);
    assert!(!is_empty(&walk));
    let step = walk.state.step;
    (0..700).find(|_| {
        walk.seconds(1, GOOD);
        walk.state.step > step
    });
    assert!(is_empty(&walk));
    walk.seconds(1, GOOD);
    for verb in [CommandKind::Weights(Share::new(9, 1).unwrap()), CommandKind::Resume] {
        walk.order(verb).unwrap();
        assert!(is_empty(&walk), "{verb:?}");
        walk.seconds(1, GOOD);
    }
}

/// 200 users, ten requests a second, a step of 1 %: both users of green fail in everything. In
/// half a minute they send three requests, and as evidence two units are too few.
#[test]
fn a_green_with_two_users_that_fail_trips() {
    let config = json!({
        "rollout": "r", "unit": {"header": "u"}, "ramp": {},
        "versions": {"blue": {"cluster": "b"}, "green": {"cluster": "g"}},
    });
    let settings = Config::parse(config.to_string().as_bytes()).unwrap().ramp.unwrap();
    let now = |seconds: u64| Clocks { monotonic_ns: seconds * 1_000_000_000, unix_s: seconds };
    let mut state = RampState::new(&settings, now(0));
    let mut requests = 0_u64;
    let tripped = (1..=600).find(|second| {
        let mut told: Vec<_> = (0..10)
            .map(|_| {
                requests += 1;
                let user = requests.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
                let is_green = user % 200 < 2;
                Observation {
                    at_ns: now(*second).monotonic_ns,
                    unit: analysis_hash("r", &(user % 200).to_le_bytes()),
                    epoch: state.epoch,
                    version: if is_green { Version::Green } else { Version::Blue },
                    is_newly_exposed: true,
                    is_assignment: true,
                    measurements: Measurements::default().with_rate(Metric::ErrorRate, is_green),
                }
            })
            .collect();
        state.reconcile(&settings, now(*second), &mut told);
        state.phase == Phase::RolledBack
    });
    assert!(tripped.is_some_and(|second| second < 400), "{tripped:?}");
}

#[test]
fn a_person_can_be_asked() {
    let steps = json!([50, {"percent": 75, "approve": true}, 100]);
    let mut walk = Walk::begin(with(json!({"steps": steps})));
    walk.seconds(600, GOOD);
    assert_eq!((walk.phase(), walk.state.hold_reason), (Phase::Holding, HoldReason::Approval));
    walk.change(with(json!({"steps": [50, 75, 100]})));
    walk.seconds(1, GOOD);
    assert_eq!((walk.phase(), walk.state.step), (Phase::Ramping, 1), "{:#?}", walk.log());
}

#[test]
fn a_pause_keeps_the_share_and_the_watch() {
    let mut walk = Walk::begin(ramp());
    walk.seconds(10, GOOD);
    walk.change(with(json!({"paused": true})));
    walk.seconds(600, GOOD);
    assert_eq!((walk.phase(), walk.state.hold_reason), (Phase::Paused, HoldReason::Resume));
    assert_eq!(walk.share(), Share::new(5_000, 5_000));
    walk.change(ramp());
    walk.seconds(2, GOOD);
    assert_eq!((walk.phase(), walk.state.step), (Phase::Ramping, 1), "{:#?}", walk.log());
    walk.change(with(json!({"paused": true})));
    walk.seconds(60, BAD);
    assert_eq!(walk.phase(), Phase::RolledBack);
}

#[test]
fn a_promoted_ramp_is_not_paused() {
    let mut walk = Walk::begin(ramp());
    walk.seconds(700, GOOD);
    let promoted = walk.log();
    walk.change(with(json!({"paused": true})));
    walk.seconds(3, GOOD);
    assert_eq!((walk.phase(), walk.state.hold_reason), (Phase::Promoted, HoldReason::Nothing));
    walk.change(ramp());
    walk.seconds(3, GOOD);
    assert_eq!((walk.phase(), walk.log()), (Phase::Promoted, promoted));
}

#[test]
fn a_step_is_overdue_for_as_long_as_it_is_held_past_its_timeout() {
    let mut walk = Walk::begin(ramp());
    walk.seconds(3599, NOTHING);
    assert!(!walk.is_overdue());
    walk.seconds(1, NOTHING);
    assert!(walk.is_overdue());
    walk.change(with(json!({"timeout": "2h"})));
    walk.seconds(1, NOTHING);
    assert!(!walk.is_overdue(), "it was given more time");
    walk.change(with(json!({"paused": true})));
    walk.seconds(1, NOTHING);
    assert!(!walk.is_overdue(), "it is paused");
    walk.change(ramp());
    walk.seconds(3, NOTHING);
    assert!(walk.is_overdue());
    walk.seconds(600, GOOD);
    assert_eq!((walk.phase(), walk.is_overdue()), (Phase::Promoted, false));
}

/// It has all the green that was asked for, and nothing to be late with.
#[test]
fn a_ramp_that_ends_below_everything_is_not_overdue() {
    let mut walk = Walk::begin(with(json!({"steps": [50]})));
    walk.seconds(4000, GOOD);
    assert_eq!((walk.phase(), walk.state.hold_reason), (Phase::Holding, HoldReason::Nothing));
    let log = walk.log();
    assert!(!walk.is_overdue() && !log.iter().any(|it| it.contains("overdue")), "{log:#?}");
}

#[test]
fn a_changed_ramp_goes_on_where_it_can() {
    let reach_second_step = || {
        let mut walk = Walk::begin(ramp());
        walk.seconds(70, GOOD);
        assert_eq!(walk.state.step, 1);
        walk
    };
    // What the ramp is changed to; the step and green's percent then; what is said.
    let table = [
        (json!({"steps": [50, 75, 90, 100]}), 1, 75, "the rules are others"),
        (json!({"alpha": 0.01}), 1, 75, "the rules are others"),
        (json!({"steps": [10, 40, 60, 80, 100]}), 2, 60, "the steps are others"),
        (json!({"steps": [90, 100]}), 0, 90, "the steps are others"),
        (json!({"restart": "2"}), 0, 50, "the ramp begins again"),
        (json!({"tripwires": [{"metric": "error_rate", "limit": 0.9}]}), 1, 75, "tripwires"),
    ];
    for (differs, step, percent, said) in table {
        let mut walk = reach_second_step();
        walk.change(with(differs.clone()));
        walk.seconds(1, GOOD);
        assert_eq!(walk.state.step, step, "{differs}");
        assert_eq!(walk.share().unwrap().basis_points(), percent * 100, "{differs}");
        let entry = walk.log().pop().unwrap();
        assert!(entry.starts_with("ramping at 75 % -> "), "{differs} {entry}");
        assert!(entry.contains(said), "{differs} {entry}");
    }
    // What is no change to the ramp is none.
    let mut walk = reach_second_step();
    let before = walk.log();
    walk.change(with(json!({"bake": "90s"})));
    walk.seconds(1, GOOD);
    assert_eq!((walk.state.step, walk.log()), (1, before));
}

#[test]
fn a_rolled_back_ramp_begins_again_only_by_restart() {
    let mut walk = Walk::begin(ramp());
    walk.seconds(60, BAD);
    walk.change(with(json!({"steps": [25, 50, 100], "alpha": 0.01})));
    walk.seconds(10, GOOD);
    assert_eq!(walk.phase(), Phase::RolledBack);
    walk.change(with(json!({"restart": "again"})));
    walk.seconds(10, GOOD);
    assert_eq!((walk.phase(), walk.state.step), (Phase::Ramping, 0));
    assert!(walk.state.evidence.steps[0].units.green > 0);
}

/// Where other gates are written then, what the former saw is not counted as theirs.
#[test]
fn a_ramp_that_stays_blue_forgets_what_other_gates_saw() {
    let mut walk = Walk::begin(ramp());
    walk.seconds(60, BAD);
    walk.change(with(json!({"tripwires": [{"metric": "error_rate", "limit": 0.9}]})));
    walk.seconds(1, NOTHING);
    assert!(!walk.state.evidence.steps.is_empty());
    walk.change(with(json!({"gates": [{"metric": "abort_rate"}]})));
    walk.seconds(1, NOTHING);
    assert!(walk.state.evidence.steps.is_empty());
    assert_eq!(walk.phase(), Phase::RolledBack);
}

/// What was decided before a new beginning does not count after it.
#[test]
fn old_answers_are_told_apart() {
    let mut walk = Walk::begin(ramp());
    let number = walk.state.epoch;
    walk.seconds(5, GOOD);
    walk.change(with(json!({"restart": "2"})));
    walk.seconds(1, NOTHING);
    walk.tell(number, BROKEN);
    assert_eq!(walk.state.evidence.steps.len(), 0);
    walk.tell(walk.state.epoch, GOOD);
    assert_eq!(walk.state.evidence.steps[0].units.green, 30);
    // A late answer is its step's.
    let number = walk.state.epoch;
    walk.seconds(70, GOOD);
    assert_eq!(walk.state.step, 1);
    let before = walk.state.evidence.steps[0].units.green;
    walk.tell(number, GOOD);
    assert_eq!(walk.state.evidence.steps[0].units.green, before + 30);
}

#[test]
fn a_ramp_whose_state_is_lost_waits_on_blue() {
    // A minute is no loss: Envoy may just have been told.
    let table = [("1970-01-01T00:59:00Z", Phase::Ramping), ("1970-01-01T00:57:00Z", Phase::Paused)];
    for (started, phase) in table {
        let mut walk = Walk::begin(with(json!({"started": started})));
        walk.seconds(600, GOOD);
        if phase == Phase::Ramping {
            assert_eq!(walk.phase(), Phase::Promoted);
            continue;
        }
        assert_eq!((walk.phase(), walk.state.hold_reason), (phase, HoldReason::StateLost));
        assert_eq!(walk.share(), Some(Share::ZERO));
        walk.change(with(json!({"started": started, "restart": "2"})));
        walk.seconds(1, GOOD);
        assert_eq!((walk.phase(), walk.state.step), (Phase::Ramping, 0));
    }
}

#[test]
fn state_is_written_and_read_in_the_middle() {
    let mut walk = Walk::begin(ramp());
    walk.seconds(30, GOOD);
    let text = postcard::to_allocvec(&walk.state).unwrap();
    let mut read = walk.clone();
    read.state = postcard::from_bytes(&text).unwrap();
    walk.seconds(700, GOOD);
    read.seconds(700, GOOD);
    assert_eq!(read.log(), walk.log());
    assert_eq!(read.phase(), Phase::Promoted);
}
