//! Thresholds that are learned from blue, and the gates on quantiles that use them.

use proptest::prelude::*;
use verdigris::analysis::thresholds::min_units;
use verdigris::analysis::{
    Analysis, AnalysisPlan, Evidence, Measurements, Metric, Observation, StepIndex,
    StepObservation, Verdict,
};
use verdigris::assignment::Version;

use crate::{LAST, every_third_is_green, evidence_in_last_step, observe, plan_for, spread};

const SECOND_NS: u64 = 1_000_000_000;

fn duration(ms: f32) -> Measurements {
    Measurements::default().with_value(Metric::Duration, ms)
}

fn aborted(ms: f32) -> Measurements {
    Measurements::default().with_censored_time(Metric::Duration, ms)
}

/// The plan with a gate on each metric, and a learned objective.
fn plan(metrics: &[Metric]) -> AnalysisPlan {
    let learns_objective = metrics.contains(&Metric::SlowRate);
    AnalysisPlan { learns_objective, ..plan_for(metrics) }
}

/// Observations of blue, each of another unit, at a time in seconds.
fn of_blue(first: u64, at_s: u64, measurements: Vec<Measurements>) -> Vec<StepObservation> {
    let observe =
        |(unit, it)| observe(at_s * SECOND_NS, spread(first + unit), LAST, Version::Blue, it);
    (0..).zip(measurements).map(observe).collect()
}

/// Evidence whose thresholds were learned from durations of 1 to 1,000 ms.
fn evidence_with_thresholds(plan: &AnalysisPlan) -> Evidence {
    let mut evidence = evidence_in_last_step();
    let durations = (1..=1000_u16).map(|ms| duration(f32::from(ms))).collect();
    evidence.add(plan, of_blue(0, 1, durations));
    evidence.begin_tick(plan, 60 * SECOND_NS);
    evidence
}

#[test]
fn ten_times_lie_beyond_a_quantile_before_it_is_frozen() {
    assert_eq!([0.90, 0.95, 0.99].map(min_units), [100, 200, 1000]);
    let plan = plan(&[Metric::SlowRate, Metric::DurationP90, Metric::DurationP99]);
    let mut evidence = evidence_in_last_step();
    let frozen = |evidence: &Evidence| {
        [Metric::DurationP90, Metric::SlowRate, Metric::DurationP99]
            .map(|metric| evidence.thresholds().get(metric).is_some())
    };
    let mut learn = |first: u64, count: usize| {
        evidence.add(&plan, of_blue(first, 1, vec![duration(100.0); count]));
        evidence.begin_tick(&plan, 10 * SECOND_NS);
        frozen(&evidence)
    };
    assert_eq!(learn(0, 99), [false, false, false]);
    // Each unit teaches once.
    assert_eq!(learn(0, 99), [false, false, false]);
    assert_eq!(learn(99, 1), [true, false, false]);
    assert_eq!(learn(100, 100), [true, true, false]);
    assert_eq!(learn(200, 800), [true, true, true]);
}

/// Shortly after the beginning only short responses have ended.
#[test]
fn learning_takes_four_times_as_long_as_the_threshold() {
    let plan = plan(&[Metric::SlowRate]);
    let mut evidence = evidence_in_last_step();
    evidence.add(&plan, of_blue(0, 1, vec![duration(4_000.0); 500]));
    evidence.begin_tick(&plan, 16 * SECOND_NS);
    assert_eq!(evidence.thresholds().get(Metric::SlowRate), None);
    evidence.begin_tick(&plan, 17 * SECOND_NS);
    let threshold = evidence.thresholds().get(Metric::SlowRate).unwrap();
    assert!((4_000.0..4_000.0 * 1.0625).contains(&threshold), "{threshold}");
}

/// In a baseline more units are on blue than in any step.
#[test]
fn thresholds_are_learned_in_a_baseline() {
    let plan = plan(&[Metric::SlowRate, Metric::DurationP99]);
    let mut evidence = Evidence::default();
    evidence.begin_step(StepIndex::FIRST, 0);
    let in_baseline = |first: u64, count: usize| -> Vec<Observation> {
        let blue = of_blue(first, 1, vec![duration(100.0); count]);
        blue.into_iter().map(|it| it.observation).collect()
    };
    let mut flags = Vec::new();
    let mut learn = |evidence: &mut Evidence, first: u64, count: usize| {
        evidence.add(&plan, Vec::new());
        evidence.learn_baseline(&plan, &in_baseline(first, count));
        flags.extend_from_slice(evidence.new_flags());
        evidence.begin_tick(&plan, 10 * SECOND_NS);
        [Metric::SlowRate, Metric::DurationP99].map(|it| evidence.thresholds().get(it).is_some())
    };
    assert_eq!(learn(&mut evidence, 0, 199), [false, false]);
    // Each unit teaches once.
    assert_eq!(learn(&mut evidence, 0, 199), [false, false]);
    let mut stored = evidence.clone();
    assert_eq!(learn(&mut evidence, 199, 1), [true, false]);
    // A new leader knows which units have taught.
    flags.truncate(199);
    stored = postcard::from_bytes(&postcard::to_allocvec(&stored).unwrap()).unwrap();
    flags.iter().for_each(|it| stored.restore(&plan, *it));
    stored.learn_baseline(&plan, &in_baseline(0, 199));
    stored.begin_tick(&plan, 10 * SECOND_NS);
    assert_eq!(stored.thresholds().get(Metric::SlowRate), None);
    // What is not known by the end of the baseline is learned anew: at first, short responses end.
    let learned = evidence.thresholds().get(Metric::SlowRate);
    let mut evidence = evidence.after_baseline();
    evidence.begin_step(StepIndex::FIRST, 20 * SECOND_NS);
    assert_eq!(evidence.thresholds().get(Metric::SlowRate), learned);
    let first_step = |it: StepObservation| StepObservation { step: StepIndex::FIRST, ..it };
    let blue = of_blue(200, 21, vec![duration(100.0); 999]).into_iter().map(first_step);
    evidence.add(&plan, blue.collect());
    evidence.begin_tick(&plan, 30 * SECOND_NS);
    assert_eq!(evidence.thresholds().get(Metric::DurationP99), None);
}

#[test]
fn green_and_aborted_responses_teach_nothing() {
    let plan = plan(&[Metric::SlowRate]);
    let mut evidence = evidence_in_last_step();
    let green = |unit| observe(0, spread(unit), LAST, Version::Green, duration(1.0));
    evidence.add(&plan, (0..500).map(green).collect());
    evidence.add(&plan, of_blue(1_000, 1, vec![aborted(1.0); 500]));
    evidence.begin_tick(&plan, 3_600 * SECOND_NS);
    assert_eq!(evidence.thresholds().get(Metric::SlowRate), None);
}

#[test]
fn a_frozen_threshold_stays() {
    let plan = plan(&[Metric::DurationP95]);
    let mut evidence = evidence_with_thresholds(&plan);
    let threshold = evidence.thresholds().get(Metric::DurationP95);
    assert!(threshold.is_some());
    evidence.add(&plan, of_blue(10_000, 61, vec![duration(60_000.0); 5_000]));
    evidence.begin_step(StepIndex::new(LAST), 7_200 * SECOND_NS);
    evidence.begin_tick(&plan, 7_200 * SECOND_NS);
    assert_eq!(evidence.thresholds().get(Metric::DurationP95), threshold);
    // A new leader has it, too.
    let stored = postcard::to_allocvec(&evidence).unwrap();
    let decoded: Evidence = postcard::from_bytes(&stored).unwrap();
    assert_eq!(decoded.thresholds(), evidence.thresholds());
}

/// A default gate that is still learning holds nothing, and a named one does.
#[test]
fn a_default_gate_without_its_threshold_is_left_out() {
    for is_named in [false, true] {
        let mut plan = plan(&[Metric::SlowRate]);
        plan.gates[0].spec.is_named = is_named;
        let mut evidence = evidence_in_last_step();
        evidence.add(&plan, of_blue(0, 1, vec![duration(100.0); 50]));
        let analysis = Analysis::new(&plan, &evidence, StepIndex::new(LAST));
        assert!(analysis.gates[0].awaits_threshold);
        assert_eq!(analysis.gates[0].is_left_out, !is_named);
        assert_eq!(analysis.gates[0].verdict, Verdict::Inconclusive);
    }
}

/// The verdict of a gate on a quantile after these durations, which alternate between the
/// versions.
fn verdict(metric: Metric, measure: impl Fn(Version, u64) -> Measurements) -> Verdict {
    let plan = plan(&[metric]);
    let mut evidence = evidence_with_thresholds(&plan);
    for tick in 0..3_000 {
        let observation = |index: u64| {
            let unit = 10_000 + tick * 8 + index;
            let version = every_third_is_green(unit);
            // 997 is prime, so that each version has all durations.
            let measurements = measure(version, unit * 7 % 997 + 1);
            observe(60 * SECOND_NS + unit, spread(unit), LAST, version, measurements)
        };
        evidence.add(&plan, (0..8).map(observation).collect());
    }
    Analysis::new(&plan, &evidence, StepIndex::new(LAST)).gates[0].verdict
}

#[test]
fn a_quantile_sees_the_tail_alone() {
    use Verdict::{Fail, Pass};
    let times = |factor: f32, from: u64, is_green: bool, ms: u64| {
        duration(ms as f32 * if is_green && ms >= from { factor } else { 1.0 })
    };
    // Green's factor, from which duration on, and the verdicts of three quantiles.
    let table = [
        (1.0, 0, [Pass, Pass, Pass]),
        (2.0, 0, [Fail, Fail, Fail]),
        (0.5, 0, [Pass, Pass, Pass]),
        // One in twenty takes three times as long. The threshold of the 95th percentile is rounded
        // up, to 960 ms.
        (3.0, 950, [Pass, Fail, Fail]),
    ];
    for (factor, from, expected) in table {
        let metrics = [Metric::DurationP90, Metric::DurationP95, Metric::DurationP99];
        let found = metrics.map(|metric| {
            verdict(metric, |version, ms| times(factor, from, version == Version::Green, ms))
        });
        assert_eq!(found, expected, "×{factor} from {from} ms");
    }
}

/// What an abort hides is not known: it makes green neither better nor worse.
#[test]
fn an_abort_before_the_threshold_is_not_known() {
    let plan = plan(&[Metric::DurationP95]);
    let mut evidence = evidence_with_thresholds(&plan);
    let units = |evidence: &Evidence| {
        let analysis = Analysis::new(&plan, evidence, StepIndex::new(LAST));
        (analysis.gates[0].coverage.known.green, analysis.gates[0].coverage.missing.green)
    };
    let mut add = |unit, measurements| {
        let observation = observe(61 * SECOND_NS, unit, LAST, Version::Green, measurements);
        evidence.add(&plan, vec![observation]);
        units(&evidence)
    };
    assert_eq!(add(1, aborted(900.0)), (0, 0));
    assert_eq!(add(2, aborted(3_000.0)), (1, 0));
    assert_eq!(add(3, duration(900.0)), (2, 0));
    assert_eq!(add(4, Measurements::default().with_missing(Metric::Duration)), (2, 1));
}

proptest! {
    /// The threshold is the quantile, rounded up by at most one of 16 buckets an octave.
    #[test]
    fn a_threshold_is_blues_quantile(times in prop::collection::vec(1.0..1e6_f32, 1000..1100)) {
        let plan = plan(&[Metric::DurationP90, Metric::DurationP99]);
        let mut evidence = evidence_in_last_step();
        let mut sorted = times.clone();
        sorted.sort_by(f32::total_cmp);
        evidence.add(&plan, of_blue(0, 1, times.into_iter().map(duration).collect()));
        evidence.begin_tick(&plan, 10_000 * SECOND_NS);
        for (metric, quantile) in [(Metric::DurationP90, 0.90), (Metric::DurationP99, 0.99)] {
            let rank = (quantile * sorted.len() as f64).ceil() as usize;
            let exact = f64::from(sorted[rank - 1]);
            let threshold = evidence.thresholds().get(metric).unwrap();
            prop_assert!(threshold >= exact && threshold <= exact * 1.0626, "{threshold} {exact}");
        }
    }
}
