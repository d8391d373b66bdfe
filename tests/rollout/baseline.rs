//! The baseline of a ramp: all units are on blue, and their past becomes known.

use std::ops::Range;

use serde_json::{Value, json};
use verdigris::analysis::{Measurements, Metric, Observation, RequestClass, StepIndex};
use verdigris::assignment::{Epoch, Share, Version};
use verdigris::rollout::{CommandKind, HoldReason, Phase, RampState};

use super::harness::{RampHarness, Traffic, unit_hash};
use super::{BAD, GOOD};

/// A ramp with a baseline of ten minutes.
fn ramp(more: Value) -> Value {
    let mut ramp = json!({
        "steps": [50, 100],
        "bake": "10m",
        "baseline": "10m",
        "adjust": true,
        "gates": [{"metric": "error_rate"}, {"metric": "duration"}],
        "tripwires": [],
    });
    ramp.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    ramp
}

fn with_baseline() -> RampHarness {
    RampHarness::new(ramp(json!({})))
}

/// Seconds with responses of blue alone.
const BLUE_ONLY: Traffic = Traffic { each: 0, blue_bad: 0, green_bad: 0 };

#[test]
fn all_units_are_on_blue_until_it_ends() {
    let mut ramp = with_baseline();
    assert_eq!((ramp.phase(), ramp.state.hold_reason), (Phase::Ramping, HoldReason::Baseline));
    let snapshot = ramp.state.snapshot(ramp.spec());
    assert_eq!((snapshot.share, snapshot.analysed_share), (Share::ZERO, Share::ALL));
    assert!(snapshot.epoch != Epoch::MANUAL && !snapshot.is_shadow_step);
    ramp.run(599, BLUE_ONLY);
    assert!(ramp.state.is_baseline() && ramp.share() == Share::ZERO);
    let in_baseline = ramp.snapshot_epoch();
    ramp.run(1, BLUE_ONLY);
    assert_eq!((ramp.phase(), ramp.share().basis_points()), (Phase::Ramping, 5_000));
    assert_eq!(ramp.state.hold_reason, HoldReason::Bake);
    assert_ne!(ramp.snapshot_epoch(), in_baseline);
    let log = ramp.log();
    assert!(log[0].contains("begins with its baseline: all units stay on blue"), "{log:#?}");
    assert!(
        log[1].ends_with("ramping at 0 % -> ramping at 50 %: the baseline has ended"),
        "{log:#?}"
    );
}

#[test]
fn what_is_answered_in_it_is_no_evidence_of_a_step() {
    let mut ramp = with_baseline();
    let in_baseline = ramp.snapshot_epoch();
    ramp.run(300, BAD);
    assert!(ramp.state.evidence.steps.is_empty() && ramp.state.is_baseline());
    ramp.run(300, BLUE_ONLY);
    // A response that began in it, and ends in the step, is none either.
    ramp.reconcile(in_baseline, BAD);
    assert!(ramp.state.evidence.steps.is_empty(), "{:?}", ramp.state.evidence.steps);
    ramp.run(60, BAD);
    assert_eq!(ramp.phase(), Phase::RolledBack, "{:#?}", ramp.log());
}

#[test]
fn the_past_of_units_is_known_after_it() {
    let mut ramp = with_baseline();
    let observations: Vec<Observation> = (0..600_u64)
        .map(|index| {
            let unit = index % 20;
            let noise = if index / 20 % 2 == 0 { 1.1 } else { 0.9 };
            let value = if unit < 10 { 1_000.0 } else { 3_000.0 };
            let measurements = Measurements::default().with_value(Metric::Duration, value * noise);
            Observation { at_ns: index, ..ramp.response(unit, Version::Blue, measurements) }
        })
        .collect();
    let (now, spec) = (ramp.now(), ramp.spec().clone());
    ramp.state.reconcile(&spec, now, &observations);
    let factor = |ramp: &RampHarness, unit: u64| {
        ramp.state.evidence.pasts().factor(Metric::Duration, unit_hash(unit))
    };
    assert_eq!(factor(&ramp, 0), 1.0, "no step has begun");
    ramp.run(600, BLUE_ONLY);
    assert!(factor(&ramp, 0) > 1.2 && factor(&ramp, 10) < 0.8);
    let known = factor(&ramp, 0);
    // In the step, the unit becomes slow on blue.
    let now = ramp.now();
    let slow = Measurements::default().with_value(Metric::Duration, 50_000.0);
    let in_step: Vec<Observation> = (0..50)
        .map(|index| {
            let response = ramp.response(0, Version::Blue, slow);
            Observation { at_ns: now.monotonic_ns + index, ..response }
        })
        .collect();
    ramp.state.reconcile(&spec, now, &in_step);
    let changed = |change: Value| {
        let mut ramp = ramp.clone();
        ramp.configure(self::ramp(change));
        ramp.run(1, BLUE_ONLY);
        ramp
    };
    // It was known before the step, so it is kept as it was where the step gathers its evidence again.
    for change in [json!({"alpha": 0.01}), json!({"steps": [50, 75, 100]}), json!({"warmup": "1s"})]
    {
        let ramp = changed(change);
        assert_eq!(factor(&ramp, 0), known, "{:#?}", ramp.log());
    }
    // In another step other units are new, and some of them have been on green.
    for change in [json!({"steps": [40, 100]}), json!({"adjust": false, "baseline": "0s"})] {
        let ramp = changed(change);
        assert!(!ramp.state.is_baseline() && ramp.state.evidence.pasts().is_empty());
    }
    // A ramp that begins again has a baseline of its own.
    let ramp = changed(json!({"restart": "2"}));
    assert!(ramp.state.is_baseline() && ramp.state.evidence.pasts().is_empty());
}

#[test]
fn commands_and_configurations_act_as_in_a_step() {
    let mut ramp = with_baseline();
    ramp.command(CommandKind::Pause).unwrap();
    ramp.run(700, BLUE_ONLY);
    assert_eq!((ramp.phase(), ramp.share()), (Phase::Paused, Share::ZERO));
    ramp.command(CommandKind::Resume).unwrap();
    ramp.run(1, BLUE_ONLY);
    // A pause keeps the share, so its time counts.
    assert_eq!(ramp.share().basis_points(), 5_000, "{:#?}", ramp.log());

    let mut ramp = with_baseline();
    ramp.command(CommandKind::Weights(Share::new(90, 10).unwrap())).unwrap();
    ramp.run(700, GOOD);
    assert_eq!(ramp.share().basis_points(), 1_000);
    ramp.command(CommandKind::Resume).unwrap();
    ramp.run(599, BLUE_ONLY);
    assert!(ramp.state.is_baseline(), "an operator's share is not the baseline's");
    ramp.run(1, BLUE_ONLY);
    assert!(!ramp.state.is_baseline());

    let mut ramp = with_baseline();
    ramp.run(60, BLUE_ONLY);
    ramp.configure(self::ramp(json!({"paused": true})));
    ramp.run(700, BLUE_ONLY);
    assert_eq!((ramp.phase(), ramp.share()), (Phase::Paused, Share::ZERO));
    ramp.configure(self::ramp(json!({"baseline": "0s"})));
    ramp.run(2, BLUE_ONLY);
    assert_eq!((ramp.phase(), ramp.share().basis_points()), (Phase::Ramping, 5_000));

    let mut ramp = with_baseline();
    ramp.command(CommandKind::Rollback).unwrap();
    ramp.run(700, BLUE_ONLY);
    assert_eq!((ramp.phase(), ramp.share()), (Phase::RolledBack, Share::ZERO));
}

/// The state was in another step than the first one.
#[test]
fn other_steps_leave_the_ramp_in_it() {
    let mut ramp = with_baseline();
    let response = |ramp: &RampHarness, unit: u64, ms: f32| {
        ramp.response(unit, Version::Blue, Measurements::default().with_value(Metric::Duration, ms))
    };
    let mut observations = Vec::new();
    for index in 0..600_u64 {
        let unit = index % 20;
        let value = if unit < 10 { 1_000.0 } else { 3_000.0 + index as f32 };
        observations.push(Observation { at_ns: index, ..response(&ramp, unit, value) });
    }
    let (now, spec) = (ramp.now(), ramp.spec().clone());
    ramp.state.reconcile(&spec, now, &observations);
    ramp.run(300, BLUE_ONLY);
    ramp.configure(self::ramp(json!({"steps": [10, 25, 50, 100]})));
    ramp.run(1, BLUE_ONLY);
    assert!(ramp.state.is_baseline() && ramp.state.step == StepIndex::FIRST);
    let last = ramp.log().pop().unwrap();
    assert!(last.contains("ramping at 0 % -> ramping at 0 %: the steps changed: no"), "{last}");
    ramp.run(601, BLUE_ONLY);
    assert_eq!((ramp.state.is_baseline(), ramp.share().basis_points()), (false, 1_000));
    // No user has been on green, so what is known of the users stays true.
    assert!(ramp.state.evidence.pasts().factor(Metric::Duration, unit_hash(0)) > 1.1);
}

/// A small service has twice as many units on blue in it as in a first step of 50 %.
#[test]
fn the_objective_is_learned_in_it() {
    let gates = json!([{"metric": "error_rate"}, {"metric": "duration"}, {"metric": "slow_rate"}]);
    for steps in [json!([50, 100]), json!([{"shadow": 10}, 50, 100])] {
        let fields = json!({"steps": steps, "gates": gates});
        let mut ramp = RampHarness::new(ramp(fields));
        let objective =
            |ramp: &RampHarness| ramp.state.snapshot(ramp.spec()).learned_objective.is_some();
        let fast = |ramp: &RampHarness, units: Range<u64>| -> Vec<Observation> {
            let fast = Measurements::default()
                .with_value(Metric::Duration, 1_000.0)
                .with_rate(Metric::ErrorRate, false);
            units.map(|unit| ramp.response(unit, Version::Blue, fast)).collect()
        };
        let spec = ramp.spec().clone();
        for (units, is_learned) in [(0..150, false), (0..150, false), (150..300, true)] {
            let (now, observations) = (ramp.now(), fast(&ramp, units));
            ramp.state.reconcile(&spec, now, &observations);
            ramp.run(60, BLUE_ONLY);
            assert_eq!((objective(&ramp), ramp.share()), (is_learned, Share::ZERO));
        }
        let learned = ramp.state.evidence.thresholds().get(Metric::SlowRate);
        ramp.run(600, BLUE_ONLY);
        if ramp.state.is_shadow_step() {
            assert!(objective(&ramp));
            ramp.run_pairs(120, GOOD);
        }
        assert_eq!(ramp.share().basis_points(), 5_000, "{:#?}", ramp.log());
        assert_eq!(ramp.state.evidence.thresholds().get(Metric::SlowRate), learned);
        assert!(objective(&ramp) && !ramp.state.analyse(&spec).unwrap().gates[2].awaits_threshold);
        // A change of the analysis keeps what the units of the step are too few to learn again.
        let alpha = json!({"steps": steps, "gates": gates, "alpha": 0.01});
        ramp.configure(self::ramp(alpha));
        ramp.run(1, BLUE_ONLY);
        assert_eq!(ramp.state.evidence.thresholds().get(Metric::SlowRate), learned);
        let without =
            json!({"steps": steps, "gates": [{"metric": "error_rate"}, {"metric": "ttft"}]});
        ramp.configure(self::ramp(without));
        ramp.run(1, BLUE_ONLY);
        assert!(!objective(&ramp));
    }
}

#[test]
fn a_shadow_step_follows_it() {
    let mut ramp = RampHarness::new(ramp(json!({"steps": [{"shadow": 10}, 50, 100]})));
    assert!(ramp.state.is_baseline() && !ramp.state.is_shadow_step());
    ramp.run(600, BLUE_ONLY);
    assert!(!ramp.state.is_baseline() && ramp.state.is_shadow_step());
    assert_eq!((ramp.share(), ramp.state.hold_reason), (Share::ZERO, HoldReason::Pairs));
    ramp.run_pairs(120, GOOD);
    assert_eq!(ramp.share().basis_points(), 5_000, "{:#?}", ramp.log());
    // A ramp that begins again compares new pairs.
    ramp.configure(self::ramp(json!({"steps": [{"shadow": 10}, 50, 100], "restart": "2"})));
    ramp.run(601, BLUE_ONLY);
    assert_eq!((ramp.state.is_shadow_step(), ramp.state.pairs.pairs), (true, 0));
}

/// What the baseline has learned of requests is known in the steps, whether or not a shadow step comes
/// between.
#[test]
fn what_requests_explain_is_known_after_a_shadow_step() {
    for steps in [json!([50, 100]), json!([{"shadow": 10}, 50, 100])] {
        let mut ramp = RampHarness::new(ramp(json!({"steps": steps})));
        let observations: Vec<Observation> = (0..600_u64)
            .map(|unit| {
                let (class, ms) = if unit % 2 == 0 { (1, 1_000.0) } else { (2, 3_000.0) };
                let measurements = Measurements::default()
                    .with_value(Metric::Duration, ms)
                    .with_request_class(RequestClass::new(class));
                ramp.response(unit, Version::Blue, measurements)
            })
            .collect();
        let (now, spec) = (ramp.now(), ramp.spec().clone());
        ramp.state.reconcile(&spec, now, &observations);
        ramp.run(600, BLUE_ONLY);
        if ramp.state.is_shadow_step() {
            ramp.run_pairs(120, GOOD);
        }
        assert_eq!(ramp.share().basis_points(), 5_000, "{:#?}", ramp.log());
        let adjustment = ramp.state.evidence.adjustment();
        let factor = adjustment.factor(Metric::Duration, RequestClass::new(1));
        assert!(factor > 1.5, "{factor} {steps}");
    }
}

/// A copy of the state that is older than what is in force does not begin the baseline again.
#[test]
fn a_restored_state_is_in_the_baseline_only_if_that_is_in_force() {
    let mut ramp = with_baseline();
    let old = ramp.state.clone();
    let in_baseline = ramp.state.snapshot(ramp.spec());
    ramp.run(600, BLUE_ONLY);
    let in_step = ramp.state.snapshot(ramp.spec());
    let restored =
        |in_force| -> RampState { old.clone().restored(ramp.spec(), &in_force, ramp.now()) };
    assert!(restored(in_baseline).is_baseline());
    assert!(!restored(in_step).is_baseline());
    assert_eq!(restored(in_step).snapshot(ramp.spec()).share.basis_points(), 5_000);
}

/// An operator's share has no epoch of a step. The baseline that it has interrupted goes on after it.
#[test]
fn a_state_restored_under_an_operators_share_is_in_the_baseline_still() {
    for steps in [json!([50, 100]), json!([{"shadow": 10}, 50, 100])] {
        let mut ramp = RampHarness::new(ramp(json!({"steps": steps})));
        let before = ramp.state.clone();
        ramp.command(CommandKind::Weights(Share::new(90, 10).unwrap())).unwrap();
        let in_force = ramp.state.snapshot(ramp.spec());
        assert_eq!(in_force.epoch, Epoch::MANUAL);
        // A copy with the command, and one from before it.
        for copy in [ramp.state.clone(), before] {
            let mut ramp = ramp.clone();
            ramp.state = copy.restored(ramp.spec(), &in_force, ramp.now());
            assert!(ramp.state.is_baseline(), "{steps}");
            if ramp.state.command.is_some() {
                ramp.run(700, GOOD);
                ramp.command(CommandKind::Resume).unwrap();
            }
            ramp.run(599, BLUE_ONLY);
            assert!(ramp.state.is_baseline() && ramp.share() == Share::ZERO, "{steps}");
            ramp.run(1, BLUE_ONLY);
            assert_eq!(ramp.state.is_shadow_step(), steps[0].is_object());
            assert!(!ramp.state.is_baseline());
        }
        // It was over when the command ended.
        let with_command = ramp.state.clone();
        ramp.command(CommandKind::Resume).unwrap();
        ramp.run(601, BLUE_ONLY);
        let in_force = ramp.state.snapshot(ramp.spec());
        assert!(!with_command.restored(ramp.spec(), &in_force, ramp.now()).is_baseline());
    }
}
