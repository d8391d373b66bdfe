//! Values that are adjusted by the past of their unit.

use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand_distr::{Distribution, StandardNormal};
use verdigris::analysis::unit_past::MIN_REPEATED_VALUES;
use verdigris::analysis::{
    Analysis, AnalysisPlan, AnalysisUnit, Evidence, Gate, GateSpec, GateStats, Measurements,
    Metric, Observation, StepDesign, StepIndex, Verdict,
};
use verdigris::assignment::Version;

use super::{observe, plan_for, spread};

const UNITS: u64 = 20;

fn adjusting() -> AnalysisPlan {
    AnalysisPlan { adjusts: true, ..plan_for(&[Metric::Duration]) }
}

fn duration(value: f32) -> Measurements {
    Measurements::default().with_value(Metric::Duration, value)
}

fn observed(at_ns: u64, unit: u64, version: Version, measurements: Measurements) -> Observation {
    observe(at_ns, spread(unit), 0, version, measurements).observation
}

/// What half of the units take, and the other half, which is e times as much.
fn usual(unit: u64) -> f32 {
    if unit.is_multiple_of(2) { 1_000.0 } else { 1_000.0 * std::f32::consts::E }
}

/// A value of each unit, `times` times, with a little noise.
fn baseline(times: u64) -> Vec<Observation> {
    let noise = |turn: u64| if turn.is_multiple_of(2) { 1.1 } else { 1.0 / 1.1 };
    let turns = (0..times).flat_map(|turn| (0..UNITS).map(move |unit| (turn, unit)));
    let value = |(turn, unit)| {
        observed(turn * UNITS + unit, unit, Version::Blue, duration(usual(unit) * noise(turn)))
    };
    turns.map(value).collect()
}

/// Evidence after a baseline with these observations, in the first step.
fn after_baseline(plan: &AnalysisPlan, observations: &[Observation]) -> Evidence {
    let mut evidence = Evidence::default();
    evidence.learn_baseline(plan, observations);
    let mut evidence = evidence.after_baseline();
    evidence.begin_step(StepIndex::FIRST, 1_000_000);
    evidence
}

fn factor(evidence: &Evidence, unit: u64) -> f64 {
    evidence.pasts().factor(Metric::Duration, spread(unit))
}

#[test]
fn what_is_usual_for_a_unit_is_taken_out() {
    let plan = adjusting();
    let evidence = after_baseline(&plan, &baseline(12));
    let (fast, slow) = (factor(&evidence, 0), factor(&evidence, 1));
    // The units differ by a factor of e; 12 values each with little noise show nearly all of it.
    assert!((fast / slow).ln() > 0.9 && (fast / slow).ln() < 1.05, "{fast} {slow}");
    assert_eq!(factor(&evidence, UNITS + 1), 1.0, "a unit without a past");
    // A mean is that of adjusted values.
    let mut evidence = evidence;
    let first =
        |unit: u64, version| observe(2_000_000, spread(unit), 0, version, duration(usual(unit)));
    let both = vec![first(0, Version::Blue), first(1, Version::Green)];
    evidence.add(&plan, both);
    let Some(GateStats::Values(stats)) = evidence.steps.first().and_then(|it| it.gates.first())
    else {
        panic!("no values")
    };
    let means = [stats.moments.blue.mean().unwrap(), stats.moments.green.mean().unwrap()];
    assert!((means[0] / means[1]).ln().abs() < 0.1, "{means:?}");
}

#[test]
fn nothing_is_predicted_before_enough_is_known() {
    let plan = adjusting();
    // The first value of a unit says nothing about how its values vary.
    let few = after_baseline(&plan, &baseline(MIN_REPEATED_VALUES / UNITS));
    let enough = after_baseline(&plan, &baseline(MIN_REPEATED_VALUES / UNITS + 1));
    assert_eq!(factor(&few, 0), 1.0);
    assert!(factor(&enough, 0) > 1.0);
    let plain = AnalysisPlan { adjusts: false, ..plan.clone() };
    assert!(after_baseline(&plain, &baseline(12)).pasts().is_empty());
    let by_request = AnalysisPlan { unit: AnalysisUnit::EveryRequest, ..plan };
    assert!(after_baseline(&by_request, &baseline(12)).pasts().is_empty());
}

#[test]
fn only_exact_values_on_blue_are_learned() {
    let plan = adjusting();
    let with = |version, measurements| -> Vec<Observation> {
        let other = |at: u64| observed(1_000 + at, 0, version, measurements);
        baseline(12).into_iter().chain((0..50).map(other)).collect()
    };
    let expected = factor(&after_baseline(&plan, &baseline(12)), 0);
    let censored = Measurements::default().with_censored_time(Metric::Duration, 1e6);
    let failed = Measurements::default().with_rate(Metric::ErrorRate, true);
    for (version, measurements) in [
        (Version::Green, duration(1e6)),
        (Version::Blue, censored),
        (Version::Blue, failed),
        (Version::Blue, duration(0.0)),
        (Version::Blue, Measurements::of_slow_response()),
    ] {
        let found = factor(&after_baseline(&plan, &with(version, measurements)), 0);
        assert_eq!(found, expected, "{version:?} {measurements:?}");
    }
}

/// What a unit is answered in a step is used from the next step on.
#[test]
fn levels_are_frozen_when_a_step_begins() {
    let plan = adjusting();
    let mut evidence = after_baseline(&plan, &baseline(12));
    let before = factor(&evidence, 0);
    let slow = |at: u64| observe(2_000_000 + at, spread(0), 0, Version::Blue, duration(50_000.0));
    evidence.add(&plan, (0..50).map(slow).collect());
    assert_eq!(factor(&evidence, 0), before);
    // A step that resumes is the same step.
    evidence.begin_step(StepIndex::FIRST, 3_000_000);
    assert_eq!(factor(&evidence, 0), before);
    evidence.begin_step(StepIndex::new(1), 4_000_000);
    assert!(factor(&evidence, 0) < before);
}

/// Of a unit that is on green since an earlier step, the past ended earlier than those of blue's
/// units: its values are no evidence for advancing.
#[test]
fn units_that_are_on_green_since_an_earlier_step_do_not_count_as_safe() {
    let pass_log_e = |adjusts: bool, compares_all: bool, is_newly_exposed: bool| {
        let plan = AnalysisPlan { adjusts, compares_all, ..adjusting() };
        let mut evidence = after_baseline(&plan, &baseline(12));
        let mut add = |unit: u64, version, value| {
            let mut it = observe(2_000_000 + unit, spread(unit), 0, version, duration(value));
            it.observation.is_newly_exposed = is_newly_exposed || version == Version::Blue;
            evidence.add(&plan, vec![it]);
        };
        for unit in 0..400 {
            let (blue, green) = (1_000 + 2 * unit, 1_001 + 2 * unit);
            add(blue, Version::Blue, 1_000.0 + unit as f32);
            add(green, Version::Green, 900.0 + unit as f32);
        }
        Analysis::new(&plan, &evidence, StepIndex::FIRST).gates[0].non_inferiority_log_e
    };
    assert!(pass_log_e(true, true, true) > 2.3);
    assert!(pass_log_e(false, true, false) > 2.3);
    assert_eq!(pass_log_e(true, true, false), 0.0);
    // Where only the baseline is a past, all units have the same.
    assert!(pass_log_e(true, false, false) > 2.3);
}

#[test]
fn where_steps_compare_a_part_of_blue_only_the_baseline_is_a_past() {
    for compares_all in [true, false] {
        let plan = AnalysisPlan { compares_all, ..adjusting() };
        let mut evidence = after_baseline(&plan, &baseline(12));
        let before = factor(&evidence, 0);
        assert!(before > 1.0);
        let slow = |at: u64| observe(2_000_000 + at, spread(0), 0, Version::Blue, duration(5e4));
        evidence.add(&plan, (0..50).map(slow).collect());
        evidence.begin_step(StepIndex::new(1), 4_000_000);
        assert_eq!(factor(&evidence, 0) < before, compares_all);
    }
}

/// The verdict on a green that is like blue, in a step of 5 % after one of 1 %. Each has four times as
/// many units of blue as of green: those of the first one are the next ones on green.
fn verdict_with_a_part_of_blue(compares_all: bool, seed: u64) -> Verdict {
    const USERS: u64 = 6_000;
    let steps = StepDesign::with_control_ratio(&[0.01, 0.05], 4.0);
    let gate = Gate::new(GateSpec::with_defaults(Metric::Duration, &[0.01, 0.05]), &steps);
    let plan = AnalysisPlan { gates: vec![gate], steps, compares_all, ..adjusting() };
    let mut random = SmallRng::seed_from_u64(seed);
    let mut evidence = Evidence::default();
    for (step, before, green) in [(0, 0, USERS / 100), (1, USERS / 100, USERS / 20)] {
        evidence.begin_step(StepIndex::new(step), step as u64 * 1_000_000_000);
        for at in 0..20 {
            let respond = |user: u64| {
                let usual_ms = if user.is_multiple_of(5) { 8_000.0 } else { 1_000.0 };
                let noise: f64 = StandardNormal.sample(&mut random);
                let measurements = duration((usual_ms * (0.3 * noise).exp()) as f32);
                let version = if user < green { Version::Green } else { Version::Blue };
                let at_ns = step as u64 * 1_000_000_000 + at;
                let mut it = observe(at_ns, spread(user), step, version, measurements);
                it.observation.is_newly_exposed = user >= before;
                it
            };
            evidence.add(&plan, (0..5 * green).map(respond).collect());
        }
    }
    Analysis::new(&plan, &evidence, StepIndex::new(1)).verdict
}

#[test]
fn a_green_like_blue_is_not_worse_where_steps_compare_a_part_of_blue() {
    for seed in 0..5 {
        assert_ne!(verdict_with_a_part_of_blue(false, seed), Verdict::Fail, "{seed}");
        // If what units were answered in the first step were their past, most of green's and none of
        // blue's would have one.
        assert_eq!(verdict_with_a_part_of_blue(true, seed), Verdict::Fail, "{seed}");
    }
}

/// A step that gathers its evidence again has begun before: in it, blue alone has had more of a past.
#[test]
fn levels_stay_where_a_step_gathers_its_evidence_again() {
    let plan = adjusting();
    let mut evidence = after_baseline(&plan, &baseline(12));
    let before = [factor(&evidence, 0), factor(&evidence, 1)];
    let slow = |at: u64| observe(2_000_000 + at, spread(0), 0, Version::Blue, duration(5e4));
    evidence.add(&plan, (0..50).map(slow).collect());
    let mut again = evidence.clone().gathered_again(&plan);
    again.begin_step(StepIndex::FIRST, 3_000_000);
    assert_eq!([factor(&again, 0), factor(&again, 1)], before);
    // They are in the new log of the step, for a new leader.
    again.add(&plan, vec![slow(1_000_001)]);
    assert_eq!(again.new_flags().len(), 2, "{:?}", again.new_flags());
    // The next step knows what this one was answered, too.
    again.begin_step(StepIndex::new(1), 4_000_000);
    assert!(factor(&again, 0) < before[0]);

    let plain = AnalysisPlan { adjusts: false, ..plan };
    assert!(evidence.gathered_again(&plain).pasts().is_empty());
}

/// What a leader alone has in its memory stays when it adopts what another worker has written.
#[test]
fn evidence_takes_over_what_is_not_stored() {
    const MINUTE_NS: u64 = 60_000_000_000;
    let plan = adjusting();
    let mut evidence = after_baseline(&plan, &baseline(12));
    let slow = |at: u64| observe(at, spread(0), 0, Version::Blue, duration(5e4));
    evidence.add(&plan, (0..50).map(|it| slow(2_000_000 + it)).collect());
    let now_ns = 40 * MINUTE_NS;
    evidence.begin_tick(&plan, now_ns);
    evidence.add(&plan, vec![slow(now_ns)]);
    let bytes = |evidence: &Evidence| postcard::to_allocvec(evidence).unwrap();
    let stored = bytes(&evidence);
    let loaded = || -> Evidence { postcard::from_bytes(&stored).unwrap() };
    let before = factor(&evidence, 0);
    assert!(before > 1.0 && loaded().pasts().is_empty());

    let mut same_step = loaded();
    same_step.take_memory_of(&mut evidence.clone());
    assert_eq!(factor(&same_step, 0), before);
    same_step.begin_tick(&plan, now_ns + MINUTE_NS);
    assert_eq!(bytes(&same_step), stored, "the period goes on");
    let mut without = loaded();
    without.begin_tick(&plan, now_ns + MINUTE_NS);
    assert_ne!(bytes(&without), stored, "the period's units are lost");

    let mut next_step = loaded();
    next_step.begin_step(StepIndex::new(1), now_ns + MINUTE_NS);
    next_step.take_past_of(&mut evidence);
    assert!(factor(&next_step, 0) < before);
}

/// What was not committed is added again, so a leader returns to its memory from before.
#[test]
fn evidence_forgets_what_was_not_committed() {
    const MINUTE_NS: u64 = 60_000_000_000;
    const NOW_NS: u64 = 40 * MINUTE_NS;
    let requests = |at_ns: u64, units: std::ops::Range<u64>| {
        let request = |unit| observe(at_ns + unit, spread(unit), 0, Version::Blue, duration(5e4));
        units.map(request).collect::<Vec<_>>()
    };
    type Tick = fn(&AnalysisPlan, &mut Evidence);
    let ticks: [(&str, Tick); 5] = [
        ("nothing", |_, _| ()),
        ("a period begins", |plan, it| it.begin_tick(plan, NOW_NS + 31 * MINUTE_NS)),
        ("a step begins", |_, it| it.begin_step(StepIndex::new(1), NOW_NS + MINUTE_NS)),
        ("two steps begin", |_, it| {
            it.begin_step(StepIndex::new(1), NOW_NS + MINUTE_NS);
            it.begin_step(StepIndex::new(2), NOW_NS + 2 * MINUTE_NS);
        }),
        ("the step gathers again", |plan, it| *it = it.gathered_again(plan)),
    ];
    // With a smaller maximum, new units drive others out.
    for max_units in [1000, UNITS as usize] {
        let plan = AnalysisPlan { max_units, ..adjusting() };
        let mut committed = after_baseline(&plan, &baseline(12));
        committed.begin_tick(&plan, NOW_NS);
        committed.add(&plan, requests(NOW_NS, 0..10));
        let stored = postcard::to_allocvec(&committed).unwrap();
        let adopted = |mut former: Evidence| {
            let mut evidence: Evidence = postcard::from_bytes(&stored).unwrap();
            evidence.take_memory_of(&mut former);
            let pasts = evidence.pasts().clone();
            evidence.add(&plan, requests(NOW_NS + MINUTE_NS, 5..40));
            evidence.begin_tick(&plan, NOW_NS + 2 * MINUTE_NS);
            (pasts, postcard::to_allocvec(&evidence).unwrap())
        };
        let expected = adopted(committed.clone());
        for (what, tick) in ticks {
            let mut uncommitted = committed.clone();
            uncommitted.begin_commit();
            uncommitted.add(&plan, requests(NOW_NS + MINUTE_NS, 5..30));
            tick(&plan, &mut uncommitted);
            uncommitted.add(&plan, requests(NOW_NS + MINUTE_NS, 20..40));
            let without_undo = adopted(uncommitted.clone());
            uncommitted.forget_commit();
            // Where the evidence was begun anew, its period is not known any more.
            let (pasts, bytes) = adopted(uncommitted);
            assert_eq!(pasts, expected.0, "{what}");
            if what != "the step gathers again" {
                assert_eq!(bytes, expected.1, "{what}");
            }
            assert_ne!(without_undo.1, expected.1, "{what}");
        }
    }
}

#[test]
fn a_new_leader_has_the_levels_of_the_units_that_the_step_has_seen() {
    let plan = adjusting();
    let mut evidence = after_baseline(&plan, &baseline(12));
    let seen = |unit: u64| observe(2_000_000, spread(unit), 0, Version::Blue, duration(1_000.0));
    evidence.add(&plan, vec![seen(0), seen(1)]);
    let logged = evidence.new_flags().to_vec();
    let mut restored = Evidence::default();
    restored.begin_step(StepIndex::FIRST, 1_000_000);
    for stored in &logged {
        let mut bytes = Vec::new();
        stored.encode(&mut bytes);
        for decoded in verdigris::analysis::UnitFlags::decode_all(stored.step, &bytes) {
            restored.restore(&plan, decoded);
        }
    }
    for unit in [0, 1] {
        assert_eq!(factor(&restored, unit), factor(&evidence, unit));
        assert_ne!(factor(&restored, unit), 1.0);
    }
    assert_eq!(factor(&restored, 2), 1.0, "a unit that the step has not seen");
    assert_eq!(restored.remembered_units(), 2);
    // Each unit is logged once in a step.
    evidence.add(&plan, vec![seen(0), seen(1)]);
    assert!(evidence.new_flags().is_empty());
}

#[test]
fn the_units_with_the_lowest_hashes_are_remembered() {
    let plan = AnalysisPlan { max_units: 5, ..adjusting() };
    let evidence = after_baseline(&plan, &baseline(12));
    assert_eq!(evidence.pasts().len(), 5);
    let mut units: Vec<u64> = (0..UNITS).collect();
    units.sort_by_key(|unit| spread(*unit));
    let are_known: Vec<bool> = units.iter().map(|unit| factor(&evidence, *unit) != 1.0).collect();
    assert!(are_known.iter().skip(5).all(|is_known| !is_known), "{are_known:?}");
}

proptest! {
    /// Whatever was learned, and in whichever order, a factor is a positive number.
    #[test]
    fn factors_are_positive_numbers(
        values in prop::collection::vec((0..8_u64, 0.0_f32..1e30), 0..400),
    ) {
        let plan = adjusting();
        let value = |(at, (unit, value)): (usize, &(u64, f32))| {
            observed(at as u64, *unit, Version::Blue, duration(*value))
        };
        let forward: Vec<Observation> = values.iter().enumerate().map(value).collect();
        let backward: Vec<Observation> = forward.iter().rev().copied().collect();
        let (first, second) = (after_baseline(&plan, &forward), after_baseline(&plan, &backward));
        for unit in 0..8 {
            let factor = factor(&first, unit);
            prop_assert!(factor.is_finite() && factor > 0.0, "{factor}");
            prop_assert_eq!(factor, self::factor(&second, unit));
        }
    }
}
