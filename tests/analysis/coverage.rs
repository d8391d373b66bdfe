//! Metrics that are not known for all responses.

use verdigris::analysis::{
    Analysis, AnalysisPlan, ByVersion, Coverage, Measurements, Metric, StepIndex, Verdict,
};
use verdigris::assignment::Version;

use crate::{
    LAST, every_third_is_green, evidence_in_last_step, observe, plan_for, probability, spread,
};

/// The analysis of so many units in the last step, a third of them on green. `measure` measures a
/// response by its version and its number.
fn analyse(
    plan: &AnalysisPlan,
    units: u64,
    measure: impl Fn(Version, u64) -> Measurements,
) -> Analysis {
    let observation = |index: u64| {
        let version = every_third_is_green(index);
        observe(index, spread(index), LAST, version, measure(version, index / 3))
    };
    let mut evidence = evidence_in_last_step();
    evidence.add(plan, (0..units).map(observation).collect());
    Analysis::new(plan, &evidence, StepIndex::new(LAST))
}

fn refusal(is_bad: bool) -> Measurements {
    Measurements::default().with_rate(Metric::RefusalRate, is_bad)
}

fn unread() -> Measurements {
    Measurements::default().with_missing(Metric::RefusalRate)
}

fn error(is_bad: bool) -> Measurements {
    Measurements::default().with_rate(Metric::ErrorRate, is_bad)
}

#[test]
fn a_metric_that_is_missing_unevenly_is_inconclusive() {
    use Verdict::{Inconclusive, Pass};
    // For each version: every so-many-th answer is unread, and every so-many-th of the others is
    // refused; 0 for none.
    let table = [
        ("all is read", [(0, 50), (0, 50)], false, Pass),
        ("green is not read, blue refuses", [(0, 20), (1, 0)], true, Inconclusive),
        ("blue is not read, green refuses", [(1, 0), (0, 10)], true, Inconclusive),
        ("half of green is not read", [(0, 50), (2, 50)], true, Inconclusive),
        ("half of both is not read", [(2, 11), (2, 11)], false, Pass),
        ("a fiftieth of green is not read", [(0, 50), (50, 51)], false, Pass),
        ("nothing is read", [(1, 0), (1, 0)], false, Inconclusive),
    ];
    for (what, [blue, green], is_uneven, expected) in table {
        let plan = plan_for(&[Metric::RefusalRate]);
        let analysis = analyse(&plan, 60_000, |version, number| {
            let (unread_every, refused_every) =
                if version == Version::Green { green } else { blue };
            let is_every = |every: u64| every > 0 && number.is_multiple_of(every);
            if is_every(unread_every) { unread() } else { refusal(is_every(refused_every)) }
        });
        let gate = &analysis.gates[0];
        assert_eq!((gate.is_uneven, analysis.is_uneven), (is_uneven, is_uneven), "{what}");
        assert_eq!(analysis.verdict, expected, "{what}: {analysis:#?}");
    }
}

/// About half of both versions' answers lack a metric: which one is above a half is chance.
#[test]
fn missing_values_are_uneven_where_the_versions_differ_by_more_than_chance() {
    // Of a thousand units of each version, those for which the metric is missing.
    let table = [
        (510, 490, false),
        (505, 495, false),
        (530, 495, false),
        (510, 200, true),
        (900, 100, true),
        (600, 400, true),
        (490, 510, false),
    ];
    for (blue, green, is_uneven) in table {
        let missing = ByVersion { blue, green };
        let known = ByVersion { blue: 1000 - blue, green: 1000 - green };
        let units = ByVersion { blue: 1000, green: 1000 };
        let coverage = Coverage { known, missing };
        assert_eq!(coverage.is_uneven(probability(0.5), units), is_uneven, "{missing:?}");
    }
}

#[test]
fn what_a_gate_has_won_does_not_count_while_it_cannot_be_compared() {
    let plan = plan_for(&[Metric::RefusalRate, Metric::ErrorRate]);
    let analysis = analyse(&plan, 3_000, |version, number| match version {
        Version::Blue => error(false).with_missing(Metric::RefusalRate),
        Version::Green => error(false).with_rate(Metric::RefusalRate, number.is_multiple_of(3)),
    });
    assert_eq!(analysis.verdict, Verdict::Inconclusive);
    assert!(analysis.harm_log_e < 1.0, "{analysis:#?}");
}

/// Blue cannot be read, and green refuses as often as both do.
#[test]
fn what_cannot_be_seen_on_blue_is_no_evidence_against_green() {
    let plan = plan_for(&[Metric::RefusalRate]);
    for units in [9, 30, 90, 300, 3_000] {
        let analysis = analyse(&plan, units, |version, number| match version {
            Version::Blue => unread(),
            Version::Green => refusal(number.is_multiple_of(2)),
        });
        assert_eq!(analysis.verdict, Verdict::Inconclusive, "{units}: {analysis:#?}");
    }
}

/// What is missing on green can only hide harm.
#[test]
fn errors_count_even_if_the_rest_of_green_is_unread() {
    let plan = plan_for(&[Metric::ErrorRate]);
    let analysis = analyse(&plan, 3_000, |version, number| match version {
        Version::Blue => error(false),
        Version::Green if number.is_multiple_of(3) => error(true),
        Version::Green => error(false).with_missing(Metric::ErrorRate),
    });
    assert!(analysis.gates[0].is_uneven);
    assert_eq!(analysis.verdict, Verdict::Fail, "{analysis:#?}");
}

/// Where blue fails, it has fewer answers that could be refused.
#[test]
fn green_is_not_worse_for_answering_what_blue_fails() {
    for (green_refuses_one_in, expected) in [(20, Verdict::Pass), (5, Verdict::Fail)] {
        let plan = plan_for(&[Metric::RefusalRate]);
        let analysis = analyse(&plan, 120_000, |version, number| {
            // It must not depend on the random group of the unit, which is its hash modulo 64.
            let draw = (spread(number) >> 32) % 100;
            match version {
                // Two of five fail, and of the others one in 20 is refused.
                Version::Blue if draw < 40 => error(true),
                Version::Blue => refusal(draw > 96),
                Version::Green => refusal(draw.is_multiple_of(green_refuses_one_in)),
            }
        });
        assert_eq!(analysis.verdict, expected, "one in {green_refuses_one_in}: {analysis:#?}");
    }
}

/// Units count when they are assigned, not when they are answered.
#[test]
fn slow_answers_are_no_sample_ratio_mismatch() {
    let plan = plan_for(&[Metric::Duration]);
    let duration = |value| Measurements::default().with_value(Metric::Duration, value);
    let analysis = analyse(&plan, 6_000, |version, number| match version {
        Version::Green if number % 10 != 0 => Measurements::default(),
        Version::Green => duration(30_000.0),
        Version::Blue => duration(50.0),
    });
    assert!(!analysis.is_mismatched);
    assert_eq!(analysis.verdict, Verdict::Fail);
}
