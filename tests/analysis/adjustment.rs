//! Values that are adjusted by what their requests reveal.

use proptest::prelude::*;
use verdigris::analysis::adjustment::{Adjustment, MIN_VALUES};
use verdigris::analysis::{
    Analysis, AnalysisPlan, Evidence, GateSpec, GateStats, Measurements, Metric, RequestClass,
    StepIndex, StepObservation,
};
use verdigris::assignment::Version;

use super::{
    LAST, SHARES, every_second_is_green, evidence_in_last_step, observe, plan_for, plan_with,
    spread,
};

fn adjusting(metrics: &[Metric]) -> AnalysisPlan {
    AnalysisPlan { adjusts: true, ..plan_for(metrics) }
}

fn duration(class: u8, value: f32) -> Measurements {
    Measurements::default()
        .with_value(Metric::Duration, value)
        .with_request_class(RequestClass::new(class))
}

fn of_blue(unit: u64, class: u8, value: f32) -> StepObservation {
    observe(unit, spread(unit), LAST, Version::Blue, duration(class, value))
}

/// Evidence after a tick with these observations, at the beginning of the next one.
fn after_tick(plan: &AnalysisPlan, observations: Vec<StepObservation>) -> Evidence {
    let mut evidence = evidence_in_last_step();
    evidence.add(plan, observations);
    evidence.begin_tick(plan, 1);
    evidence
}

fn factors(adjustment: &Adjustment, classes: [u8; 3]) -> [f32; 3] {
    classes.map(|it| adjustment.factor(Metric::Duration, RequestClass::new(it)))
}

#[test]
fn factors_make_the_usual_values_of_all_classes_equal() {
    let plan = adjusting(&[Metric::Duration]);
    let value = |unit: u64| if unit.is_multiple_of(2) { (1, 100.0) } else { (2, 10_000.0) };
    let observations = |units: u64| {
        (0..units)
            .map(|unit| (unit, value(unit)))
            .map(|(unit, (class, value))| of_blue(unit, class, value))
    };
    let few = after_tick(&plan, observations(MIN_VALUES - 1).collect());
    assert_eq!(factors(few.adjustment(), [1, 2, 3]), [1.0; 3], "too few values");

    let enough = after_tick(&plan, observations(MIN_VALUES).collect());
    let [short, long, unknown] = factors(enough.adjustment(), [1, 2, 3]);
    // 200 values of a class, and 4 that are usual for all: 10^(200/204), and not 10.
    assert!((short / 9.5585 - 1.0).abs() < 1e-3, "{short}");
    assert!((long * 9.5585 - 1.0).abs() < 1e-3, "{long}");
    assert_eq!(unknown, 1.0, "a class without values");
}

#[test]
fn factors_change_when_there_are_twice_as_many_values() {
    let plan = adjusting(&[Metric::Duration]);
    let at = |units: std::ops::Range<u64>, class: u8, value: f32| {
        units.map(move |unit| of_blue(unit, class, value)).collect::<Vec<_>>()
    };
    let mut evidence = evidence_in_last_step();
    evidence.add(&plan, [at(0..200, 1, 100.0), at(200..400, 2, 400.0)].concat());
    evidence.begin_tick(&plan, 1);
    let first = factors(evidence.adjustment(), [1, 2, 3]);
    evidence.add(&plan, at(400..799, 1, 800.0));
    evidence.begin_tick(&plan, 2);
    assert_eq!(factors(evidence.adjustment(), [1, 2, 3]), first);
    evidence.add(&plan, at(799..800, 1, 800.0));
    evidence.begin_tick(&plan, 3);
    let second = factors(evidence.adjustment(), [1, 2, 3]);
    assert!(second[0] < first[0] && second[1] > first[1], "{first:?} {second:?}");
}

#[test]
fn what_is_not_blues_or_not_known_exactly_teaches_nothing() {
    let plan = adjusting(&[Metric::Duration]);
    let censored = Measurements::default()
        .with_censored_time(Metric::Duration, 5.0)
        .with_request_class(RequestClass::new(1));
    let observations = (0..2 * MIN_VALUES).map(|unit| match unit % 3 {
        0 => observe(unit, spread(unit), LAST, Version::Green, duration(1, 9.0)),
        1 => observe(unit, spread(unit), LAST, Version::Blue, censored),
        _ => of_blue(unit, 1, 0.0),
    });
    let evidence = after_tick(&plan, observations.collect());
    assert_eq!(evidence.adjustment(), after_tick(&plan, vec![of_blue(7, 1, 0.0)]).adjustment());
    assert_eq!(factors(evidence.adjustment(), [1, 2, 3]), [1.0; 3]);
}

#[test]
fn rates_votes_and_scores_are_not_adjusted() {
    let metrics = [Metric::ErrorRate, Metric::ThumbsDownRate, Metric::Score, Metric::DurationP95];
    let plan = adjusting(&metrics);
    let score = |unit: u64| {
        let class = RequestClass::new((unit % 2) as u8);
        let score = if unit.is_multiple_of(2) { 0.25 } else { 0.75 };
        Measurements::default().with_value(Metric::Score, score).with_request_class(class)
    };
    let observations = (0..2 * MIN_VALUES)
        .map(|unit| observe(unit, spread(unit), LAST, Version::Blue, score(unit)));
    let evidence = after_tick(&plan, observations.collect());
    assert_eq!(evidence.adjustment(), &Adjustment::default());
}

/// Bits that look random. Source: Steele, Lea and Flood, *Fast splittable pseudorandom number
/// generators*, OOPSLA 2014.
fn mixed(unit: u64) -> u64 {
    let bits = spread(unit + 1);
    let bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

/// Alternating units of both versions, in ticks of 20. Requests of class 1 take 16 times as long as
/// those of class 0; green's take `green` times as long as blue's.
fn evidence_with(plan: &AnalysisPlan, units: u64, green: f32) -> Evidence {
    let mut evidence = evidence_in_last_step();
    let value = |unit: u64| {
        let version = every_second_is_green(unit);
        let random = mixed(unit);
        let class = (random & 1) as u8;
        let noise = 1.0 + (random >> 1 & 255) as f32 / 2550.0;
        let factor = if version == Version::Green { green } else { 1.0 };
        let value = 100.0 * noise * factor * if class == 1 { 16.0 } else { 1.0 };
        observe(unit, spread(unit), LAST, version, duration(class, value))
    };
    for first in (0..units).step_by(20) {
        evidence.begin_tick(plan, first);
        evidence.add(plan, (first..first + 20).map(value).collect());
    }
    evidence
}

fn harm_log_e(plan: &AnalysisPlan, evidence: &Evidence) -> f64 {
    Analysis::new(plan, evidence, StepIndex::new(LAST)).harm_log_e
}

#[test]
fn an_adjusted_regression_is_found_with_fewer_values() {
    let (plain, adjusting) = (plan_for(&[Metric::Duration]), adjusting(&[Metric::Duration]));
    let of = |plan: &AnalysisPlan| harm_log_e(plan, &evidence_with(plan, 2_000, 1.2));
    let (without, with) = (of(&plain), of(&adjusting));
    assert!(with > 20.0 && with > without + 15.0, "{without} {with}");
}

#[test]
fn an_equal_green_is_not_found_worse() {
    let gate = GateSpec { margin: 0.0, ..GateSpec::with_defaults(Metric::Duration, &SHARES) };
    let plan = AnalysisPlan { adjusts: true, ..plan_with([gate].into_iter()) };
    let log_e = harm_log_e(&plan, &evidence_with(&plan, 10_000, 1.0));
    assert!(log_e < 3.0, "{log_e}");
}

#[test]
fn without_adjustment_the_class_changes_nothing() {
    let plan = plan_for(&[Metric::Duration]);
    let evidence = |class: u8| {
        let value = |unit: u64| of_blue(unit, class, 10.0 + unit as f32);
        after_tick(&plan, (0..2 * MIN_VALUES).map(value).collect())
    };
    assert_eq!(evidence(1), evidence(2));
    assert_eq!(evidence(1).adjustment(), &Adjustment::default());
}

#[test]
fn values_that_wait_when_factors_change_are_dropped() {
    let plan = adjusting(&[Metric::Duration]);
    let mut evidence = evidence_in_last_step();
    evidence.add(&plan, (0..MIN_VALUES).map(|unit| of_blue(unit, 1, 100.0)).collect());
    let waiting = (1_000..1_003)
        .map(|unit| observe(unit, spread(unit), LAST, Version::Green, duration(1, 900.0)));
    evidence.add(&plan, waiting.collect());
    evidence.begin_tick(&plan, 1);
    evidence.add(&plan, vec![of_blue(2_000, 1, 100.0)]);
    let GateStats::Values(stats) = &evidence.steps[LAST].gates[0] else { panic!() };
    assert_eq!(stats.moments.green.count, 3);
    // No bet was made on the values that had waited.
    assert!((harm_log_e(&plan, &evidence) - NOTHING_WAS_BET_IN_LAST_STEP).abs() < 1e-12);
}

/// The logarithm of the ramp's fraction of α, times ½ for what is each unit's first, and ½ · ⅙ for what
/// units tell in the last of four steps when they come again.
const NOTHING_WAS_BET_IN_LAST_STEP: f64 = super::NOTHING_WAS_BET - 0.538_996_500_732_687_1;

proptest! {
    /// A factor depends on blue's values alone, so both versions have the same.
    #[test]
    fn factors_do_not_depend_on_green(
        values in prop::collection::vec((0_u8..5, 1.0_f32..1e5, any::<bool>()), 500..900),
        green in 0.01_f32..100.0,
    ) {
        let plan = adjusting(&[Metric::Duration]);
        let of = |green: f32| {
            let observation = |(unit, (class, value, is_green)): (usize, &(u8, f32, bool))| {
                let (version, value) = match is_green {
                    true => (Version::Green, value * green),
                    false => (Version::Blue, *value),
                };
                let unit = unit as u64;
                observe(unit, spread(unit), LAST, version, duration(*class, value))
            };
            after_tick(&plan, values.iter().enumerate().map(observation).collect())
        };
        let (one, other) = (of(1.0), of(green));
        prop_assert_eq!(one.adjustment(), other.adjustment());
    }
}
