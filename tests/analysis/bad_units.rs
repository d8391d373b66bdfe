//! How many units must meet a bad response before a rate is found worse.

use proptest::prelude::*;
use verdigris::analysis::bad_units::min_bad_units;
use verdigris::analysis::{
    Analysis, AnalysisPlan, Evidence, Measurements, Metric, StepIndex, Verdict,
};
use verdigris::assignment::Version;

use crate::{observe, plan_for, spread};

const STEP: StepIndex = StepIndex::FIRST;

/// The analysis of these numbers of bad units of each version in the step of 1 %. Each sends
/// `requests` bad requests.
fn analyse(plan: &AnalysisPlan, green: u64, blue: u64, requests: u64) -> Analysis {
    let bad = Measurements::default().with_rate(Metric::ErrorRate, true);
    let units = (0..green).map(|unit| (unit, Version::Green));
    let units = units.chain((green..green + blue).map(|unit| (unit, Version::Blue)));
    let observations =
        units.flat_map(|(unit, version)| (0..requests).map(move |at| (at, unit, version)));
    let mut evidence = Evidence::default();
    evidence.begin_step(STEP, 0);
    let observe = |(at, unit, version)| observe(at, spread(unit), STEP.get(), version, bad);
    evidence.add(plan, observations.map(observe).collect());
    Analysis::new(plan, &evidence, STEP)
}

#[test]
fn a_smaller_alpha_needs_more_units() {
    let table = [(0.5, 3), (0.2, 3), (0.125, 3), (0.1, 4), (0.05, 5), (0.01, 7), (0.001, 10)];
    for (alpha, expected) in table {
        assert_eq!(min_bad_units(alpha), expected, "{alpha}");
    }
}

/// At 1 % each bad unit of green is worth much, so without the minimum two would do.
#[test]
fn fewer_units_than_the_minimum_are_inconclusive_whatever_their_evidence() {
    // α; green's bad units; the verdict, and how many more bad units it needs.
    let table = [
        (0.05, 1, Verdict::Inconclusive, 0),
        (0.05, 2, Verdict::Inconclusive, 3),
        (0.05, 3, Verdict::Inconclusive, 2),
        (0.05, 4, Verdict::Inconclusive, 1),
        (0.05, 5, Verdict::Fail, 0),
        (0.001, 5, Verdict::Inconclusive, 5),
        (0.001, 9, Verdict::Inconclusive, 1),
        (0.001, 10, Verdict::Fail, 0),
    ];
    for (alpha, green, verdict, missing) in table {
        let plan = AnalysisPlan { alpha, ..plan_for(&[Metric::ErrorRate]) };
        for requests in [1, 100] {
            let analysis = analyse(&plan, green, 0, requests);
            let gate = &analysis.gates[0];
            assert_eq!(analysis.verdict, verdict, "{alpha} {green}: {analysis:#?}");
            assert_eq!((gate.verdict, gate.missing_bad_units), (verdict, missing));
            let has_evidence = gate.harm_log_e >= plan.rollback_log_e();
            assert_eq!(has_evidence, verdict == Verdict::Fail || missing > 0);
        }
    }
}

/// Units that were bad in an earlier step count as well.
#[test]
fn the_units_of_all_steps_count() {
    let plan = plan_for(&[Metric::ErrorRate]);
    let bad = Measurements::default().with_rate(Metric::ErrorRate, true);
    let mut evidence = Evidence::default();
    for (step, units) in [(0, 0..3), (1, 3..5)] {
        evidence.begin_step(StepIndex::new(step), 0);
        let observe = |unit| observe(0, spread(unit), step, Version::Green, bad);
        evidence.add(&plan, units.map(observe).collect());
    }
    assert_eq!(Analysis::new(&plan, &evidence, StepIndex::new(1)).verdict, Verdict::Fail);
}

proptest! {
    /// However often they fail, fewer units than the minimum roll nothing back.
    #[test]
    fn few_units_never_find_green_worse(
        green in 0_u64..12,
        blue in 0_u64..5,
        requests in 1_u64..30,
        alpha in 0.0001..0.5_f64,
    ) {
        let plan = AnalysisPlan { alpha, ..plan_for(&[Metric::ErrorRate]) };
        let analysis = analyse(&plan, green, blue, requests);
        if green < min_bad_units(alpha) {
            prop_assert_ne!(analysis.verdict, Verdict::Fail);
            prop_assert_ne!(analysis.gates[0].verdict, Verdict::Fail);
        } else if blue == 0 {
            prop_assert_eq!(analysis.verdict, Verdict::Fail);
        }
    }
}
