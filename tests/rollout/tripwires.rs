//! The effect of tripwires on a ramp.

use std::cell::RefCell;

use serde_json::{Value, json};
use verdigris::analysis::{Measurements, Metric, Observation, TripwireWindow};
use verdigris::assignment::{Epoch, Share, Version};
use verdigris::config::Config;
use verdigris::response::{ClassificationRules, LimitPolicy, Outcome, Phrases, Prices};
use verdigris::rollout::{
    Candidate, Clocks, CommandKind, HoldReason, LocalGuard, Phase, RampEvent, RampState,
    RampWorker, ReconcileContext, Snapshot,
};

use super::harness::{RampHarness, Traffic, unit_hash};
use super::memory_store::{MemoryStore, complete};
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

/// Default ramps. One unit of green repeats requests that fail, as often as it likes, beside
/// honest users of both versions of whom one in a hundred requests fails.
#[test]
fn one_unit_that_repeats_failing_requests_never_trips_a_default_tripwire() {
    // Honest requests per second; green's share of them in percent; the unit's failures a second.
    let table = [(50, 1, 1), (50, 1, 200), (50, 25, 200), (5, 5, 20), (1, 50, 20)];
    for (per_second, percent, failures) in table {
        let mut state = DefaultRamp::new(json!({"steps": [percent, 100], "bake": "1h"}));
        let mut requests = 0_u64;
        for _ in 0..900 {
            let honest = |_| {
                requests += 1;
                let draw = requests.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
                let is_green = draw % 100 < percent;
                (1_000 + requests, is_green, (draw / 100).is_multiple_of(100))
            };
            let mut responses: Vec<_> = (0..per_second).map(honest).collect();
            responses.extend((0..failures).map(|_| (1, true, true)));
            state.second(responses);
        }
        let why = state.state.log.iter().last().unwrap().why.clone();
        assert!(!why.contains("tripwire"), "{per_second} {percent} {failures}: {why}");
    }
}

/// Where a unit is all that green has had for ten minutes, it is believed, and the log says so.
#[test]
fn the_only_user_of_green_is_believed_after_ten_minutes() {
    let mut ramp = DefaultRamp::new(json!({"steps": [1, 100], "bake": "1h"}));
    let second_of_rollback = (1..=900).find(|second| {
        ramp.second(vec![(second + 10, false, false), (1, true, true)]);
        ramp.state.phase == Phase::RolledBack
    });
    assert!(
        second_of_rollback.is_some_and(|it| (600..=605).contains(&it)),
        "{second_of_rollback:?}"
    );
    let why = ramp.state.log.iter().last().unwrap().why.clone();
    assert!(why.contains("all units that green had in that time were bad"), "{why}");
}

/// A ramp with default gates and tripwires, one reconcile a second.
struct DefaultRamp {
    state: RampState,
    config: Config,
    now_s: u64,
}

impl DefaultRamp {
    fn new(ramp: Value) -> Self {
        let config = json!({
            "rollout": "r", "unit": {"header": "u"}, "ramp": ramp,
            "versions": {"blue": {"cluster": "b"}, "green": {"cluster": "g"}},
        });
        let config = Config::parse(config.to_string().as_bytes()).unwrap();
        let state = RampState::new(config.ramp.as_ref().unwrap(), clocks(0));
        Self { state, config, now_s: 0 }
    }

    /// A second of responses: each of a unit, whether it is green's, whether it is an error.
    fn second(&mut self, responses: Vec<(u64, bool, bool)>) {
        self.now_s += 1;
        let now = clocks(self.now_s);
        let observe = |(unit, is_green, is_bad)| Observation {
            at_ns: now.monotonic_ns,
            unit: unit_hash(unit),
            epoch: self.state.epoch,
            version: if is_green { Version::Green } else { Version::Blue },
            is_newly_exposed: true,
            is_assignment: true,
            shadow: None,
            measurements: Measurements::default().with_rate(Metric::ErrorRate, is_bad),
        };
        let observations: Vec<_> = responses.into_iter().map(observe).collect();
        self.state.reconcile(self.config.ramp.as_ref().unwrap(), now, &observations);
    }
}

fn clocks(second: u64) -> Clocks {
    Clocks { monotonic_ns: second * 1_000_000_000, unix_ms: second * 1_000 }
}

/// 200 users, ten requests a second, a step of 1 %: both users of green fail always. In half a
/// minute they send three requests, and two units are too few for the gates.
#[test]
fn the_default_tripwires_notice_two_users_that_always_fail() {
    let mut ramp = DefaultRamp::new(json!({}));
    let mut requests = 0_u64;
    let rolled_back_at = (1..=600).find(|_| {
        let response = |_| {
            requests += 1;
            let user = (requests.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % 200;
            (user, user < 2, user < 2)
        };
        ramp.second((0..10).map(response).collect());
        ramp.state.phase == Phase::RolledBack
    });
    assert!(rolled_back_at.is_some_and(|second| second < 400), "{rolled_back_at:?}");
}

/// An Envoy of a fleet has seldom the traffic of the whole fleet. Two clients that found an Envoy without
/// other traffic rolled back the fleet, by the default tripwires; one, after ten minutes.
#[test]
fn few_clients_of_one_envoy_of_a_fleet_roll_nothing_back() {
    let mut with_defaults = ramp_with(json!({}));
    with_defaults.as_object_mut().unwrap().remove("tripwires");
    let ramp = RampHarness::new(with_defaults);
    let spec = ramp.spec();
    let reason_with = |units: u64| {
        let mut guard = LocalGuard::default();
        let in_force =
            Snapshot { phase: Phase::Ramping, epoch: Epoch::new(1), ..Snapshot::UNKNOWN };
        for second in 0..700_u64 {
            let now = Clocks { monotonic_ns: second * 1_000_000_000, unix_ms: 0 };
            let observation = Observation {
                at_ns: now.monotonic_ns,
                unit: unit_hash(second % units),
                epoch: in_force.epoch,
                version: Version::Green,
                is_newly_exposed: true,
                is_assignment: true,
                measurements: Measurements::default().with_rate(Metric::ErrorRate, true),
                shadow: None,
            };
            guard.observe(spec, &in_force, now, &[observation]);
        }
        guard.reason_to_roll_back(spec, in_force.step, None)
    };
    assert!((1..=4).all(|units| reason_with(units).is_none()));
    let why = reason_with(5).unwrap();
    assert!(why.contains("tripwire: error_rate of green was"), "{why}");
}

/// The window of a former tripwire, judged by the one that replaced it, rolled back the fleet.
#[test]
fn an_envoy_of_a_fleet_judges_no_window_of_a_former_tripwire() {
    let former = json!({"metric": "error_rate", "limit": 0.9, "absolute": true});
    let others = [
        json!({"metric": "abort_rate", "limit": 0.5, "absolute": true}),
        json!({"metric": "error_rate", "limit": 0.5, "absolute": true}),
        json!({"metric": "error_rate", "limit": 0.5, "absolute": true, "window": "60s"}),
    ];
    let in_force = Snapshot { phase: Phase::Ramping, epoch: Epoch::new(1), ..Snapshot::UNKNOWN };
    for other in others {
        let mut guard = LocalGuard::default();
        let mut observe = |tripwire: &Value, at_s: u64, observations: &[Observation]| {
            let ramp = RampHarness::new(with_tripwire(tripwire.clone()));
            guard.observe(ramp.spec(), &in_force, clocks(at_s), observations);
            guard.reason_to_roll_back(ramp.spec(), in_force.step, None)
        };
        // Three of four units fail.
        let responses = |at_s: u64| -> Vec<Observation> {
            let respond = |unit: u64| Observation {
                at_ns: clocks(at_s).monotonic_ns,
                unit: unit_hash(unit),
                epoch: in_force.epoch,
                version: Version::Green,
                is_newly_exposed: true,
                is_assignment: true,
                shadow: None,
                measurements: Measurements::default()
                    .with_rate(Metric::ErrorRate, !unit.is_multiple_of(4))
                    .with_rate(Metric::AbortRate, !unit.is_multiple_of(4)),
            };
            (0..100).map(respond).collect()
        };
        assert_eq!(observe(&former, 100, &responses(100)), None, "{other}");
        assert_eq!(observe(&other, 101, &[]), None, "{other}");
        assert!(observe(&other, 102, &responses(102)).is_some(), "{other}");
    }
}

/// After hours in a step, all units of an Envoy have been counted. Each counts again in a new period.
#[test]
fn an_envoy_of_a_fleet_watches_by_its_own_evidence_for_as_long_as_a_step_lasts() {
    const MINUTE_S: u64 = 60;
    const UNITS: u64 = 400;
    let ramp = RampHarness::new(ramp_with(json!({"gates": [{"metric": "duration"}]})));
    let spec = ramp.spec();
    let in_force = Snapshot { phase: Phase::Ramping, epoch: Epoch::new(1), ..Snapshot::UNKNOWN };
    let mut guard = LocalGuard::default();
    let mut tick = |at_s: u64, green_ms: f32| {
        let now = Clocks { monotonic_ns: at_s * 1_000_000_000, unix_ms: 0 };
        let respond = |unit: u64| {
            let version = if unit.is_multiple_of(2) { Version::Blue } else { Version::Green };
            let ms = if version == Version::Green { green_ms } else { 1_000.0 };
            Observation {
                at_ns: now.monotonic_ns,
                unit: unit_hash(unit),
                epoch: in_force.epoch,
                version,
                is_newly_exposed: true,
                is_assignment: true,
                measurements: Measurements::default()
                    .with_value(Metric::Duration, ms + unit as f32 / UNITS as f32),
                shadow: None,
            }
        };
        let observations: Vec<Observation> = (0..UNITS).map(respond).collect();
        guard.observe(spec, &in_force, now, &observations);
        guard.reason_to_roll_back(spec, in_force.step, Some(2))
    };
    for at_s in (0..5 * 60 * MINUTE_S).step_by(600) {
        assert_eq!(tick(at_s, 1_000.0), None, "{at_s} s");
    }
    let slow_at_s = |minute: u64| (5 * 60 + minute) * MINUTE_S;
    let why = (0..60).find_map(|minute| tick(slow_at_s(minute), 3_000.0));
    assert!(why.is_some_and(|it| it.contains("duration fail")), "green is slower for an hour");
}

/// They counted as open for as long as the window had not settled, and so green could not trip.
#[test]
fn responses_that_say_nothing_do_not_hide_the_others() {
    // Half of green's requests meet a limit that says nothing; the others fail. Whether these end in a later
    // tick than they began.
    for is_late in [false, true] {
        let worker = RampWorker::new(1);
        let store = MemoryStore::default();
        // No gate decides before the tripwire does.
        let gates = json!([{"metric": "abort_rate"}]);
        let fields = json!({"tripwires": [error_tripwire()], "gates": gates});
        let ramp = RampHarness::new(ramp_with(fields));
        let transitions = RefCell::new(Vec::new());
        let mut tickets = Vec::new();
        let rules = ClassificationRules {
            phrases: &Phrases::default(),
            prices: &Prices::default(),
            limits: LimitPolicy::Neutral,
        };
        for second in 1..=8_u64 {
            let now = clocks(1_000 + second);
            let observe = |unit: u64, measurements| Observation {
                at_ns: now.monotonic_ns,
                unit: unit_hash(unit),
                epoch: worker.snapshot().epoch,
                version: Version::Green,
                is_newly_exposed: true,
                is_assignment: true,
                shadow: None,
                measurements,
            };
            let end = |(unit, ticket)| {
                let status = if unit % 2 == 0 { 429 } else { 500 };
                let outcome = Outcome { status: Some(status), ..Outcome::default() };
                let measurements = Measurements::from_outcome(&outcome.classify(rules), None);
                worker.record_response(ticket, observe(unit, measurements));
            };
            if is_late {
                std::mem::take(&mut tickets).into_iter().for_each(end);
            }
            for unit in second * 20..second * 20 + 20 {
                let assignment = observe(unit, Measurements::default());
                tickets.push((unit, worker.record_assignment(assignment)));
            }
            if !is_late {
                std::mem::take(&mut tickets).into_iter().for_each(end);
            }
            let report = |event: RampEvent<'_>| {
                if let RampEvent::Transition(transition) = event {
                    transitions.borrow_mut().push(transition.to_string());
                }
            };
            let spec = ramp.spec();
            let context = ReconcileContext { spec, history: None, now, report: &report };
            complete(worker.tick(&store, &context, Candidate::Current));
        }
        let transitions = transitions.into_inner();
        let last = transitions.last().unwrap();
        assert!(last.contains("tripwire: error_rate of green was"), "{is_late} {transitions:#?}");
    }
}

/// A window keeps 16 units with a bad response.
#[test]
fn an_envoy_of_a_fleet_watches_at_a_small_alpha_too() {
    for (alpha, needed) in [(0.001, 10), (1e-4, 14), (1e-6, 16), (1e-12, 16)] {
        let tripwire = json!({"alpha": alpha, "tripwires": [error_tripwire()]});
        let ramp = RampHarness::new(ramp_with(tripwire));
        let in_force =
            Snapshot { phase: Phase::Ramping, epoch: Epoch::new(1), ..Snapshot::UNKNOWN };
        let reason_with = |units: u64| {
            let mut guard = LocalGuard::default();
            let respond = |index: u64| Observation {
                at_ns: clocks(100).monotonic_ns,
                unit: unit_hash(index % units),
                epoch: in_force.epoch,
                version: Version::Green,
                is_newly_exposed: true,
                is_assignment: true,
                shadow: None,
                measurements: Measurements::default().with_rate(Metric::ErrorRate, true),
            };
            let responses: Vec<Observation> = (0..100).map(respond).collect();
            guard.observe(ramp.spec(), &in_force, clocks(100), &responses);
            guard.reason_to_roll_back(ramp.spec(), in_force.step, None)
        };
        assert_eq!(reason_with(needed - 1), None, "{alpha}");
        assert!(reason_with(needed).is_some(), "{alpha}");
    }
}
