//! Verdicts on values and votes.

use verdigris::analysis::{
    Analysis, AnalysisPlan, Measurements, Metric, StepDesign, StepIndex, Verdict,
};

use crate::{LAST, every_second_is_green, evidence_in_last_step, observe, plan_for, probability};

/// The analysis of so many ticks with `per_tick` responses each, every second one of green.
/// `measure` measures a response by whether it is green's, and its number within its version.
fn analyse(
    plan: &AnalysisPlan,
    ticks: u64,
    per_tick: u64,
    measure: impl Fn(bool, u64) -> Measurements,
) -> Analysis {
    let mut evidence = evidence_in_last_step();
    for tick in 0..ticks {
        let observation = |index: u64| {
            let unit = tick * per_tick + index;
            let measurements = measure(unit.is_multiple_of(2), unit / 2);
            observe(unit, unit, LAST, every_second_is_green(unit), measurements)
        };
        evidence.add(plan, (0..per_tick).map(observation).collect());
    }
    Analysis::new(plan, &evidence, StepIndex::new(LAST))
}

/// Half of the units are on green, unlike in the plan's last step.
fn plan_with_halves(metric: Metric) -> AnalysisPlan {
    let mut plan = plan_for(&[metric]);
    plan.steps[LAST] = StepDesign { new_units: probability(0.5), ..plan.steps[LAST] };
    plan
}

#[test]
fn values_are_compared_in_their_direction() {
    use Verdict::{Fail, Pass};
    // Green's values as multiples of blue's.
    let table = [
        (Metric::Duration, [(2.0, Fail), (1.0, Pass), (0.5, Pass)]),
        (Metric::Ttft, [(2.0, Fail), (1.0, Pass), (0.5, Pass)]),
        (Metric::Cost, [(2.0, Fail), (1.0, Pass), (0.5, Pass)]),
        // Longer and shorter answers are both worse.
        (Metric::OutputTokens, [(2.0, Fail), (1.0, Pass), (0.5, Fail)]),
        (Metric::Score, [(0.5, Fail), (1.0, Pass), (1.2, Pass)]),
    ];
    for (metric, cases) in table {
        for (factor, expected) in cases {
            let plan = plan_with_halves(metric);
            let analysis = analyse(&plan, 2_000, 8, |is_green, number| {
                let value = (number % 50) as f32 / 50.0;
                Measurements::default()
                    .with_value(metric, if is_green { value * factor } else { value })
            });
            assert_eq!(analysis.verdict, expected, "{metric} ×{factor}: {analysis:#?}");
        }
    }
}

/// The gate's verdict where one of ten of blue's responses is bad, and one of so many of green's.
fn verdict_on(
    metric: Metric,
    green_bad_every: u64,
    measure: impl Fn(bool) -> Measurements,
) -> Verdict {
    let plan = plan_for(&[metric]);
    let analysis = analyse(&plan, 3_000, 16, |is_green, number| {
        measure(number.is_multiple_of(if is_green { green_bad_every } else { 10 }))
    });
    analysis.gates[0].verdict
}

/// Scores have few levels, so most are equal. A margin must not compensate for bad ones.
#[test]
fn scores_with_two_levels_are_compared() {
    let score =
        |is_bad| Measurements::default().with_value(Metric::Score, if is_bad { 0.3 } else { 0.8 });
    for (green_bad_every, expected) in [(3, Verdict::Fail), (10, Verdict::Pass)] {
        assert_eq!(verdict_on(Metric::Score, green_bad_every, score), expected);
    }
}

#[test]
fn thumbs_are_compared() {
    let thumb = |is_down| Measurements::default().with_rate(Metric::ThumbsDownRate, is_down);
    for (green_bad_every, expected) in [(2, Verdict::Fail), (10, Verdict::Pass)] {
        assert_eq!(verdict_on(Metric::ThumbsDownRate, green_bad_every, thumb), expected);
    }
}
