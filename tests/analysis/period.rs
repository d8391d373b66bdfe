//! Tests that restart in each period.

use proptest::prelude::*;
use verdigris::analysis::period::{MAX_REQUESTS, PERIOD_NS};
use verdigris::analysis::{
    Analysis, AnalysisPlan, AnalysisUnit, Evidence, GateStats, Measurements, Metric, StepIndex,
    Verdict,
};
use verdigris::assignment::Version;

use crate::{LAST, every_third_is_green, evidence_in_last_step, observe, plan_for, spread};

const METRICS: [Metric; 2] = [Metric::ErrorRate, Metric::Duration];

/// A period of a step with 6,000 users who come again in each period.
struct PeriodOfUsers {
    /// Every so-many-th response of green is an error. Blue's are every hundredth.
    green_bad_every: u64,
    /// The duration of green's answers as a multiple of blue's.
    green_duration: f32,
}

const LIKE_BLUE: PeriodOfUsers = PeriodOfUsers { green_bad_every: 100, green_duration: 1.0 };
const MORE_ERRORS: PeriodOfUsers = PeriodOfUsers { green_bad_every: 20, ..LIKE_BLUE };
const SLOWER: PeriodOfUsers = PeriodOfUsers { green_duration: 1.5, ..LIKE_BLUE };

/// A period after healthy ones, and whether it fails.
const LAST_PERIODS: [(&str, PeriodOfUsers, bool); 3] =
    [("like blue", LIKE_BLUE, false), ("more errors", MORE_ERRORS, true), ("slower", SLOWER, true)];

/// The evidence of these periods, one after the other, of the same users.
fn gather(plan: &AnalysisPlan, periods: &[PeriodOfUsers]) -> Evidence {
    gather_of(plan, periods, |_, index| spread(index))
}

/// The evidence of these periods, one after the other. `unit` is that of a request, by the numbers of
/// its period and of itself.
fn gather_of(
    plan: &AnalysisPlan,
    periods: &[PeriodOfUsers],
    unit: impl Fn(u64, u64) -> u64,
) -> Evidence {
    let mut evidence = evidence_in_last_step();
    for (number, period) in (0..).zip(periods) {
        add_period(plan, &mut evidence, number, number * PERIOD_NS, period, &unit);
    }
    evidence
}

/// Adds the period with this number, which begins at this time.
fn add_period(
    plan: &AnalysisPlan,
    evidence: &mut Evidence,
    number: u64,
    began_ns: u64,
    period: &PeriodOfUsers,
    unit: impl Fn(u64, u64) -> u64,
) {
    evidence.begin_tick(plan, began_ns);
    let observation = |index: u64| {
        // Other users fail in each period.
        let draw = index / 3 + number * 37;
        let version = every_third_is_green(index);
        let (every, factor) = match version {
            Version::Green => (period.green_bad_every, period.green_duration),
            Version::Blue => (100, 1.0),
        };
        let duration = 1000.0 + (draw * 7919 % 1000) as f32;
        let measurements = Measurements::default()
            .with_rate(Metric::ErrorRate, draw.is_multiple_of(every))
            .with_value(Metric::Duration, duration * factor);
        observe(began_ns + index, unit(number, index), LAST, version, measurements)
    };
    for tick in 0..60 {
        evidence.add(plan, (tick * 100..(tick + 1) * 100).map(observation).collect());
    }
}

/// Four hours like blue.
fn healthy_hours() -> Vec<PeriodOfUsers> {
    (0..8).map(|_| LIKE_BLUE).collect()
}

/// Four hours like blue, and then this period.
fn after_healthy_hours(last: PeriodOfUsers) -> Vec<PeriodOfUsers> {
    healthy_hours().into_iter().chain([last]).collect()
}

#[test]
fn a_late_regression_is_found_in_its_period() {
    let plan = plan_for(&METRICS);
    for (what, last, expected) in LAST_PERIODS {
        let evidence = gather(&plan, &after_healthy_hours(last));
        let analysis = Analysis::new(&plan, &evidence, StepIndex::new(LAST));
        assert_eq!(analysis.verdict == Verdict::Fail, expected, "{what}: {analysis:#?}");
    }
}

/// Each period has other users, and the step has seen twenty times as many as it can remember.
/// An operator has set weights for a time, and deployed another green.
#[test]
fn a_step_that_resumes_begins_a_period_at_once() {
    let plan = plan_for(&METRICS);
    for (what, last, expected) in LAST_PERIODS {
        let mut evidence = gather(&plan, &healthy_hours());
        let resumed_ns = 8 * PERIOD_NS - PERIOD_NS / 2;
        evidence.begin_step(StepIndex::new(LAST), resumed_ns);
        add_period(&plan, &mut evidence, 8, resumed_ns, &last, |_, index| spread(index));
        let analysis = Analysis::new(&plan, &evidence, StepIndex::new(LAST));
        assert_eq!(analysis.verdict == Verdict::Fail, expected, "{what}: {analysis:#?}");
    }
}

/// Conversations of the last step that compares versions stay on their version after the promotion, and
/// the same users have many.
#[test]
fn a_regression_after_the_promotion_is_found_in_a_period() {
    let plan = plan_for(&METRICS);
    for (what, last, expected) in LAST_PERIODS {
        let mut evidence = gather(&plan, &healthy_hours());
        let promoted_ns = 8 * PERIOD_NS;
        evidence.begin_step(StepIndex::new(LAST + 1), promoted_ns);
        evidence.continue_in_periods(promoted_ns);
        add_period(&plan, &mut evidence, 8, promoted_ns, &LIKE_BLUE, |_, index| spread(index));
        let verdict =
            |evidence: &Evidence| Analysis::new(&plan, evidence, StepIndex::new(LAST)).verdict;
        assert_ne!(verdict(&evidence), Verdict::Fail, "{what}");
        add_period(&plan, &mut evidence, 9, 9 * PERIOD_NS, &last, |_, index| spread(index));
        assert_eq!(verdict(&evidence) == Verdict::Fail, expected, "{what}");
    }
}

#[test]
fn a_late_regression_is_found_where_the_memory_of_the_step_is_full() {
    let plan = AnalysisPlan { max_units: 2_500, ..plan_for(&METRICS) };
    for (what, last, expected) in LAST_PERIODS {
        let evidence = gather_of(&plan, &after_healthy_hours(last), |number, index| {
            spread(number * 6_000 + index)
        });
        let analysis = Analysis::new(&plan, &evidence, StepIndex::new(LAST));
        assert_eq!(analysis.verdict == Verdict::Fail, expected, "{what}: {analysis:#?}");
    }
}

#[test]
fn a_new_leader_begins_a_new_period() {
    let plan = plan_for(&METRICS);
    let evidence = gather(&plan, &after_healthy_hours(MORE_ERRORS));
    let verdict =
        |evidence: &Evidence| Analysis::new(&plan, evidence, StepIndex::new(LAST)).verdict;
    assert_eq!(verdict(&evidence), Verdict::Fail);
    let bytes = postcard::to_allocvec(&evidence).unwrap();
    let mut decoded: Evidence = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(verdict(&decoded), Verdict::Fail, "the bets are stored");
    decoded.begin_tick(&plan, 8 * PERIOD_NS + 1);
    assert_ne!(verdict(&decoded), Verdict::Fail, "the users are not, so the bets restart");
}

/// A unit with many requests that are open at the same time counts as often as with any others.
#[test]
fn open_slow_responses_of_a_unit_count_a_bounded_number_of_times() {
    let plan = plan_for(&[Metric::SlowRate, Metric::ErrorRate]);
    let mut evidence = evidence_in_last_step();
    let open = Measurements::of_slow_response();
    let ended = Measurements::default()
        .with_rate(Metric::ErrorRate, false)
        .with_rate(Metric::SlowRate, true)
        .without_reported_slowness();
    for (at_ns, measurements) in [(1, open), (2, ended)] {
        let observation = |_| observe(at_ns, 7, LAST, Version::Green, measurements);
        evidence.add(&plan, (0..500).map(observation).collect());
    }
    for (gate, metric) in evidence.steps[LAST].gates.iter().zip(["slow_rate", "error_rate"]) {
        let GateStats::Rate(rate) = gate else { panic!("{metric} is a rate") };
        assert_eq!(rate.requests.green, MAX_REQUESTS, "{metric}");
    }
}

proptest! {
    /// Whatever a unit sends, it counts so often in a period, and each time if requests are the
    /// units.
    #[test]
    fn a_unit_counts_a_bounded_number_of_times(
        requests in prop::collection::vec(0..4_u64, 0..200),
        periods in 1..4_u64,
    ) {
        for unit in [AnalysisUnit::Units, AnalysisUnit::EveryRequest] {
            let plan = AnalysisPlan { unit, ..plan_for(&[Metric::ErrorRate]) };
            let mut evidence = evidence_in_last_step();
            for period in 0..periods {
                evidence.begin_tick(&plan, period * PERIOD_NS);
                let observation = |(index, unit): (u64, &u64)| {
                    let measurements = Measurements::default().with_rate(Metric::ErrorRate, false);
                    let at_ns = period * PERIOD_NS + index;
                    observe(at_ns, *unit, LAST, Version::Blue, measurements)
                };
                evidence.add(&plan, (0..).zip(&requests).map(observation).collect());
            }
            let counted = evidence.steps.get(LAST).map_or(0, |step| match &step.gates[0] {
                GateStats::Rate(rate) => rate.requests.blue,
                GateStats::Values(_) => 0,
            });
            let of_unit = |unit: u64| requests.iter().filter(|it| **it == unit).count() as u64;
            let expected = match unit {
                AnalysisUnit::Units => (0..4).map(|it| of_unit(it).min(MAX_REQUESTS)).sum(),
                AnalysisUnit::EveryRequest => requests.len() as u64,
            };
            prop_assert_eq!(counted, expected * periods);
        }
    }
}
