//! From observations to sums.

use proptest::prelude::*;
use verdigris::analysis::period::PERIOD_NS;
use verdigris::analysis::{
    Analysis, AnalysisPlan, AnalysisUnit, ByVersion, Evidence, GateStats, Measurements, Metric,
    StepIndex, StepObservation,
};
use verdigris::assignment::Version;

use crate::{NOTHING_WAS_BET, SHARES, every_second_is_green, observe, plan_for};

const METRICS: [Metric; 4] =
    [Metric::ErrorRate, Metric::ThumbsDownRate, Metric::Duration, Metric::OutputTokens];

/// Observations of all metrics, in the first `steps` steps, of few units.
fn observations(steps: usize) -> impl Strategy<Value = Vec<StepObservation>> {
    let one = (any::<u64>(), 0..40_u64, 0..steps, any::<[bool; 2]>(), any::<u16>());
    let observation =
        |(at_ns, unit, step, [is_green, is_bad], value): (_, _, _, [bool; 2], u16)| {
            let version = if is_green { Version::Green } else { Version::Blue };
            let measurements = Measurements::default()
                .with_rate(Metric::ErrorRate, is_bad)
                .with_rate(Metric::ThumbsDownRate, is_bad)
                .with_value(Metric::Duration, f32::from(value))
                .with_value(Metric::OutputTokens, f32::from(value) / 7.0);
            observe(at_ns, unit, step, version, measurements)
        };
    prop::collection::vec(one.prop_map(observation), 0..200)
}

proptest! {
    #[test]
    fn the_order_of_observations_does_not_matter(
        ticks in prop::collection::vec(observations(3), 1..4),
        workers in prop::collection::vec(0..4_usize, 200),
    ) {
        let plan = plan_for(&METRICS);
        let (mut by_one, mut by_four) = (in_second_step(), in_second_step());
        for tick in ticks {
            let mut reports: [Vec<StepObservation>; 4] = Default::default();
            for (observation, worker) in tick.iter().zip(&workers) {
                reports[*worker].push(*observation);
            }
            by_one.add(&plan, tick);
            by_four.add(&plan, reports.into_iter().rev().flatten().collect());
        }
        prop_assert_eq!(&by_one, &by_four);
        for step in (0..SHARES.len()).map(StepIndex::new) {
            let [by_one, by_four] =
                [&by_one, &by_four].map(|evidence| Analysis::new(&plan, evidence, step));
            prop_assert_eq!(by_one, by_four);
        }
    }

    /// The decoded evidence is equal to the last bit. With the units' flags that each tick has
    /// set, it continues like the original.
    #[test]
    fn decoded_evidence_continues_like_the_original(
        ticks in prop::collection::vec(observations(2), 1..4),
    ) {
        let plan = plan_for(&METRICS);
        let mut original = in_second_step();
        let mut flags = Vec::new();
        for tick in &ticks {
            original.add(&plan, tick.clone());
            flags.extend_from_slice(original.new_flags());
        }
        let bytes = postcard::to_allocvec(&original).unwrap();
        let mut decoded: Evidence = postcard::from_bytes(&bytes).unwrap();
        flags.into_iter().for_each(|flags| decoded.restore(&plan, flags));
        prop_assert_eq!(&decoded.steps, &original.steps);
        // The units of the period are not stored: a new leader begins a new period.
        original.begin_tick(&plan, PERIOD_NS);
        decoded.begin_tick(&plan, PERIOD_NS);
        decoded.add(&plan, ticks[0].clone());
        original.add(&plan, ticks[0].clone());
        prop_assert_eq!(decoded.steps, original.steps);
    }

    #[test]
    fn the_evidence_of_separate_units_combines_by_addition(tick in observations(2)) {
        let plan = plan_for(&[Metric::ErrorRate]);
        let (left, right): (Vec<_>, Vec<_>) =
            tick.iter().partition(|it| it.observation.unit < 20);
        let mut combined = gather(&plan, left);
        combined.merge(&gather(&plan, right));
        prop_assert_eq!(sums(&combined, 0), sums(&gather(&plan, tick), 0));
    }
}

/// Units, units with a bad response, and bad requests of a step.
fn sums(evidence: &Evidence, step: usize) -> Option<[ByVersion<u64>; 3]> {
    let stats = evidence.steps.get(step)?;
    let Some(GateStats::Rate(rate)) = stats.gates.first() else { return None };
    Some([stats.units, rate.units_with_event(), rate.bad_requests()])
}

/// Evidence of a ramp in its second step, whose steps all began at 0. The units of two steps are
/// remembered.
fn in_second_step() -> Evidence {
    let mut evidence = Evidence::default();
    evidence.begin_step(StepIndex::new(1), 0);
    evidence
}

fn error(at_ns: u64, unit: u64, step: usize, version: Version, is_bad: bool) -> StepObservation {
    let measurements = Measurements::default().with_rate(Metric::ErrorRate, is_bad);
    observe(at_ns, unit, step, version, measurements)
}

fn gather(plan: &AnalysisPlan, observations: Vec<StepObservation>) -> Evidence {
    let mut evidence = in_second_step();
    evidence.add(plan, observations);
    evidence
}

fn by_version(blue: u64, green: u64) -> ByVersion<u64> {
    ByVersion { blue, green }
}

#[test]
fn a_unit_counts_once_in_each_step() {
    use Version::{Blue, Green};
    let plan = plan_for(&[Metric::ErrorRate]);
    let observations = vec![
        error(1, 7, 0, Green, false),
        error(2, 7, 0, Green, true),
        error(3, 7, 0, Green, true),
        error(4, 8, 0, Blue, true),
        error(5, 8, 1, Green, true),
    ];
    let evidence = gather(&plan, observations.clone());
    let first = [by_version(1, 1), by_version(1, 1), by_version(1, 2)];
    assert_eq!(sums(&evidence, 0), Some(first));
    let second = [by_version(0, 1), by_version(0, 1), by_version(0, 1)];
    assert_eq!(sums(&evidence, 1), Some(second));
    let every_request = AnalysisPlan { unit: AnalysisUnit::EveryRequest, ..plan };
    let evidence = gather(&every_request, observations);
    let first = [by_version(1, 3), by_version(1, 2), by_version(1, 2)];
    assert_eq!(sums(&evidence, 0), Some(first));
}

#[test]
fn a_late_response_counts_for_its_step_while_its_units_are_remembered() {
    let plan = plan_for(&[Metric::ErrorRate]);
    let late = || vec![error(5, 5, 0, Version::Green, true)];
    let bad_units = |evidence: &Evidence| sums(evidence, 0).unwrap()[1].green;
    let mut evidence = gather(&plan, vec![error(1, 1, 0, Version::Blue, false)]);
    evidence.add(&plan, vec![error(2, 2, 1, Version::Blue, false)]);
    evidence.add(&plan, vec![error(3, 3, 0, Version::Green, true)]);
    let [units, with_event, _] = sums(&evidence, 0).unwrap();
    assert_eq!((units, with_event), (by_version(1, 1), by_version(0, 1)));
    // Two steps later they are forgotten, and the response could be a repeat.
    evidence.begin_step(StepIndex::new(2), 4);
    evidence.add(&plan, late());
    assert_eq!((bad_units(&evidence), evidence.late_observations), (1, 1));
    // Also where no unit of a newer step is known yet, because another worker took over.
    let bytes = postcard::to_allocvec(&evidence).unwrap();
    let mut decoded: Evidence = postcard::from_bytes(&bytes).unwrap();
    decoded.add(&plan, late());
    assert_eq!((bad_units(&decoded), decoded.late_observations), (1, 2));
}

#[test]
fn a_step_that_compares_nothing_has_no_evidence() {
    let plan = plan_for(&[Metric::ErrorRate]);
    let evidence = gather(&plan, vec![error(1, 1, SHARES.len(), Version::Green, true)]);
    assert_eq!(evidence, in_second_step());
}

/// The same 400 units, of which one of each version fails.
fn tick_at(at_ns: u64) -> Vec<StepObservation> {
    let observation = |unit: u64| {
        let measurements = Measurements::default()
            .with_rate(Metric::ErrorRate, unit < 2)
            .with_value(Metric::Duration, 1.0);
        observe(at_ns, unit, 1, every_second_is_green(unit), measurements)
    };
    (0..400).map(observation).collect()
}

#[test]
fn responses_during_the_warm_up_count_for_harm_only() {
    let metrics = [Metric::ErrorRate, Metric::Duration];
    let plan = AnalysisPlan { warmup_ns: 100, ..plan_for(&metrics) };
    let has_evidence_for_safe = |evidence: &Evidence| {
        let analysis = Analysis::new(&plan, evidence, StepIndex::new(1));
        analysis.gates.iter().all(|gate| gate.non_inferiority_log_e > 0.5)
    };
    let mut evidence = Evidence::default();
    evidence.begin_step(StepIndex::new(1), 1000);
    evidence.add(&plan, tick_at(1099));
    assert!(!has_evidence_for_safe(&evidence));
    assert_eq!(sums(&evidence, 1).unwrap()[1], by_version(1, 1));
    // The same units count for the test of non-inferiority, for which they have not counted yet.
    evidence.add(&plan, tick_at(1100));
    assert!(has_evidence_for_safe(&evidence));
    let mut beginning_unknown = Evidence::default();
    beginning_unknown.add(&plan, tick_at(1100));
    assert!(!has_evidence_for_safe(&beginning_unknown));
}

/// Whatever they are, and on both versions: neither for harm nor for safety.
#[test]
fn times_during_a_cold_start_count_for_nothing() {
    let metrics = [Metric::ErrorRate, Metric::Duration, Metric::SlowRate];
    let plan = AnalysisPlan { cold_start_ns: 100, ..plan_for(&metrics) };
    let slow_green = |at_ns: u64| -> Vec<_> {
        let observation = |unit: u64| {
            let is_green = every_second_is_green(unit);
            let measurements = Measurements::default()
                .with_rate(Metric::ErrorRate, false)
                .with_rate(Metric::SlowRate, is_green == Version::Green)
                .with_value(Metric::Duration, if is_green == Version::Green { 9.0 } else { 1.0 });
            observe(at_ns, unit, 1, is_green, measurements)
        };
        (0..400).map(observation).collect()
    };
    let harm_log_e = |evidence: &Evidence| {
        let analysis = Analysis::new(&plan, evidence, StepIndex::new(1));
        analysis.gates.iter().map(|gate| (gate.units, gate.harm_log_e)).collect::<Vec<_>>()
    };
    let mut evidence = Evidence::default();
    evidence.begin_step(StepIndex::new(1), 1000);
    evidence.add(&plan, slow_green(1099));
    let cold = harm_log_e(&evidence);
    assert_eq!(cold[0].0, ByVersion { blue: 200, green: 200 }, "failures count");
    for (units, log_e) in &cold[1..] {
        assert!(*units == ByVersion::default() && *log_e <= 0.0, "{cold:?}");
    }
    // The same units count afterwards.
    evidence.add(&plan, slow_green(1100));
    let warm = harm_log_e(&evidence);
    assert!(warm[1].1 > 3.0 && warm[2].1 > 3.0, "{warm:?}");
}

/// Which units are ignored does not depend on their version. An ignored unit never counts again.
#[test]
fn above_the_maximum_the_units_with_the_lowest_hashes_are_kept() {
    let plan = AnalysisPlan { max_units: 100, ..plan_for(&[Metric::ErrorRate]) };
    let mut evidence = in_second_step();
    for round in 0..3 {
        // A permutation, because 7919 is a prime.
        let units = (0..1000_u64).map(|index| index * 7919 % 1000);
        let observation =
            |unit| error(round * 1000 + unit, unit, 0, every_second_is_green(unit), true);
        evidence.add(&plan, units.map(observation).collect());
        assert_eq!(evidence.remembered_units(), 100);
    }
    let [units, with_event, bad_requests] = sums(&evidence, 0).unwrap();
    // The observations are sorted by time, and so by hash: the first hundred are kept.
    assert_eq!(units, by_version(50, 50));
    assert_eq!((with_event, bad_requests), (units, by_version(150, 150)));
}

#[test]
fn a_value_of_green_waits_for_one_of_blue_and_not_the_reverse() {
    let plan = plan_for(&[Metric::Duration]);
    let duration = |at_ns, version, value| {
        let measurements = Measurements::default().with_value(Metric::Duration, value);
        observe(at_ns, at_ns, 0, version, measurements)
    };
    let harm_log_e =
        |evidence: &Evidence| Analysis::new(&plan, evidence, StepIndex::FIRST).gates[0].harm_log_e;
    let mut evidence = Evidence::default();
    evidence.begin_step(StepIndex::FIRST, 0);
    evidence.add(&plan, vec![duration(1, Version::Blue, 1.0)]);
    evidence.add(&plan, vec![duration(2, Version::Green, 100.0)]);
    let before = harm_log_e(&evidence);
    assert!((before - NOTHING_WAS_BET).abs() < 1e-9, "there is nothing to compare");
    evidence.add(&plan, vec![duration(3, Version::Blue, 1.0)]);
    assert!(harm_log_e(&evidence) > before + 1e-9);
}

#[test]
fn a_value_that_is_not_a_number_is_not_known() {
    let measurements = Measurements::default().with_value(Metric::Duration, f32::NAN);
    let observation = observe(4, 4, 0, Version::Green, measurements);
    let evidence = gather(&plan_for(&[Metric::Duration]), vec![observation]);
    assert_eq!(evidence.steps[0].coverage[0].known, ByVersion::default());
}
