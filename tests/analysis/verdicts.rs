//! What the judge says.

use verdigris::analysis::plan::MAX_UNITS;
use verdigris::analysis::{
    Analysis, AnalysisPlan, AnalysisUnit, Evidence, Gate, GateSpec, Measurements, Metric,
    Observation, Probability, StepDesign, Verdict,
};
use verdigris::assignment::Version;

pub const SHARES: [f64; 4] = [0.01, 0.05, 0.25, 0.5];

/// The rules of a ramp through [`SHARES`] with a gate by default on each metric.
pub fn rules(metrics: &[Metric]) -> AnalysisPlan {
    rules_of(metrics.iter().map(|metric| GateSpec::with_defaults(*metric, &SHARES)))
}

fn rules_of(terms: impl Iterator<Item = GateSpec>) -> AnalysisPlan {
    let mut steps = StepDesign::from_shares(&SHARES);
    // As if the last step began with no unit on green.
    steps[3].all = steps[3].new;
    let gates = terms.map(|terms| Gate::new(terms, &steps)).collect();
    AnalysisPlan {
        gates,
        steps,
        alpha: 0.05,
        beta: 0.1,
        unit: AnalysisUnit::Units,
        warmup_ns: 0,
        max_units: MAX_UNITS,
    }
}

/// So many units in the last step, half on each version; every so many-th is bad.
struct Seen {
    units: u64,
    blue_bad: u64,
    green_bad: u64,
}

fn evidence(rules: &AnalysisPlan, metric: Metric, seen: &Seen) -> Evidence {
    let mut evidence = Evidence::default();
    evidence.begin_step(3, 0);
    let one = |at: u64| {
        let is_green = at.is_multiple_of(3);
        let every = if is_green { seen.green_bad } else { seen.blue_bad };
        let told = match every {
            0 => Measurements::default().with_rate(metric, false),
            every => Measurements::default().with_rate(metric, (at / 3).is_multiple_of(every)),
        };
        let version = if is_green { Version::Green } else { Version::Blue };
        // The hash is another than the one that chose the version.
        Observation {
            at_ns: at,
            unit: at.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            epoch: 3,
            version,
            is_newly_exposed: true,
            is_assignment: true,
            measurements: told,
        }
    };
    evidence.add(rules, &mut (0..seen.units).map(one).collect());
    evidence
}

#[test]
fn rates_are_judged() {
    use Verdict::{Fail, Inconclusive, Pass};
    // Every so many-th of blue's and of green's is bad; a third of units is green's.
    let table = [
        ("nothing has come", Seen { units: 0, blue_bad: 0, green_bad: 0 }, Inconclusive),
        ("a first response", Seen { units: 1, blue_bad: 0, green_bad: 0 }, Inconclusive),
        ("a first bad response", Seen { units: 1, blue_bad: 1, green_bad: 1 }, Inconclusive),
        ("the same", Seen { units: 60_000, blue_bad: 50, green_bad: 50 }, Pass),
        ("better", Seen { units: 60_000, blue_bad: 20, green_bad: 50 }, Pass),
        ("worse", Seen { units: 30_000, blue_bad: 100, green_bad: 20 }, Fail),
        ("broken", Seen { units: 300, blue_bad: 100, green_bad: 1 }, Fail),
        ("both broken", Seen { units: 3_000, blue_bad: 1, green_bad: 1 }, Pass),
        ("healthy", Seen { units: 3_000, blue_bad: 0, green_bad: 0 }, Pass),
        (
            "too few of a healthy service",
            Seen { units: 300, blue_bad: 0, green_bad: 0 },
            Inconclusive,
        ),
    ];
    let rules = rules(&[Metric::ErrorRate]);
    for (name, seen, expected) in table {
        let judgement = Analysis::new(&rules, &evidence(&rules, Metric::ErrorRate, &seen), 3);
        assert!(!judgement.is_mismatched, "{name}");
        assert_eq!(judgement.verdict, expected, "{name}: {judgement:#?}");
        assert_eq!(judgement.gates[0].verdict, expected, "{name}");
    }
}

#[test]
fn units_that_are_not_divided_as_they_should_be_hold() {
    // The weights say that half of them is green's, and a third is.
    let mut rules = rules(&[Metric::ErrorRate]);
    rules.steps[3] = StepDesign { new: Probability::new(0.5).unwrap(), ..rules.steps[3] };
    for (green_bad, expected) in [(100, Verdict::Inconclusive), (1, Verdict::Fail)] {
        let seen = Seen { units: 10_000, blue_bad: 100, green_bad };
        let judgement = Analysis::new(&rules, &evidence(&rules, Metric::ErrorRate, &seen), 3);
        assert!(judgement.is_mismatched);
        // A green that is worse must not hide behind it.
        assert_eq!(judgement.verdict, expected, "one in {green_bad} of green is bad");
    }
}

/// Units as the weights divide them, a third of them green's; `told` says what the next one's
/// response tells, by its version and its number.
fn judged(
    rules: &AnalysisPlan,
    units: u64,
    told: impl Fn(Version, u64) -> Measurements,
) -> Analysis {
    let mut evidence = Evidence::default();
    evidence.begin_step(3, 0);
    let one = |at: u64| {
        let version = if at.is_multiple_of(3) { Version::Green } else { Version::Blue };
        let (unit, is_new) = (at.wrapping_mul(0x9e37_79b9_7f4a_7c15), true);
        let told = told(version, at / 3);
        Observation {
            at_ns: at,
            unit,
            epoch: 3,
            version,
            is_newly_exposed: is_new,
            is_assignment: true,
            measurements: told,
        }
    };
    evidence.add(rules, &mut (0..units).map(one).collect());
    Analysis::new(rules, &evidence, 3)
}

/// What is read of one version only, or of unequal parts of both, is not compared.
#[test]
fn a_metric_that_is_missing_unevenly_says_nothing() {
    use Verdict::{Inconclusive, Pass};
    let refusal = |is_bad| Measurements::default().with_rate(Metric::RefusalRate, is_bad);
    let missing = Measurements::default().with_missing(Metric::RefusalRate);
    // Of each version, every so many-th answer is unread, and every so many-th read one is
    // refused; 0 is none.
    let table = [
        ("all is read", [(0, 50), (0, 50)], false, Pass),
        ("green is not read, blue refuses", [(0, 20), (1, 0)], true, Inconclusive),
        ("blue is not read, green refuses", [(1, 0), (0, 10)], true, Inconclusive),
        ("half of green is not read", [(0, 50), (2, 50)], true, Inconclusive),
        ("half of both is not read", [(2, 11), (2, 11)], false, Pass),
        ("a fiftieth of green is not read", [(0, 50), (50, 51)], false, Pass),
        ("nothing is read", [(1, 0), (1, 0)], false, Inconclusive),
    ];
    for (what, of_versions, is_uneven, expected) in table {
        let rules = rules(&[Metric::RefusalRate]);
        let [blue, green] = of_versions;
        let judgement = judged(&rules, 60_000, |version, at| {
            let (unread, refused) = if version == Version::Green { green } else { blue };
            let is_every = |every: u64| every > 0 && at.is_multiple_of(every);
            if is_every(unread) { missing } else { refusal(is_every(refused)) }
        });
        let gate = &judgement.gates[0];
        assert_eq!((gate.is_uneven, judgement.is_uneven), (is_uneven, is_uneven), "{what}");
        assert_eq!(judgement.verdict, expected, "{what}: {judgement:#?}");
    }
}

/// A gate that says nothing does not decide by what it has won before either.
#[test]
fn a_gate_that_is_left_out_or_uneven_is_no_evidence() {
    let rules = rules(&[Metric::RefusalRate, Metric::ErrorRate]);
    let judgement = judged(&rules, 3_000, |version, at| {
        let told = Measurements::default().with_rate(Metric::ErrorRate, false);
        match version {
            Version::Blue => told.with_missing(Metric::RefusalRate),
            Version::Green => told.with_rate(Metric::RefusalRate, at.is_multiple_of(3)),
        }
    });
    assert_eq!(judgement.verdict, Verdict::Inconclusive);
    assert!(judgement.harm_log_e < 1.0, "{judgement:#?}");
}

/// Blue cannot be read, and green refuses as both do: however few answers there are, that is
/// no evidence against green. Seen from the first on.
#[test]
fn what_cannot_be_seen_on_blue_is_never_held_against_green() {
    let rules = rules(&[Metric::RefusalRate]);
    for units in [9, 30, 90, 300, 3_000] {
        let judgement = judged(&rules, units, |version, at| match version {
            Version::Blue => Measurements::default().with_missing(Metric::RefusalRate),
            Version::Green => {
                Measurements::default().with_rate(Metric::RefusalRate, at.is_multiple_of(2))
            }
        });
        assert_eq!(judgement.verdict, Verdict::Inconclusive, "{units}: {judgement:#?}");
    }
}

/// What cannot be read on green can only hide that it is worse: what is seen counts.
#[test]
fn errors_of_a_green_that_is_not_read_count() {
    let rules = rules(&[Metric::ErrorRate]);
    let judgement = judged(&rules, 3_000, |version, at| {
        let told = Measurements::default().with_rate(Metric::ErrorRate, false);
        match version {
            Version::Blue => told,
            Version::Green if at.is_multiple_of(3) => {
                Measurements::default().with_rate(Metric::ErrorRate, true)
            }
            Version::Green => told.with_missing(Metric::ErrorRate),
        }
    });
    assert!(judgement.gates[0].is_uneven);
    assert_eq!(judgement.verdict, Verdict::Fail, "{judgement:#?}");
}

/// Where blue fails, it has fewer answers that could be refused, and green is not worse for
/// answering; where green is worse besides, that is seen.
#[test]
fn a_green_is_not_worse_for_answering_what_blue_fails() {
    for (refused_one_in, expected) in [(20, Verdict::Pass), (5, Verdict::Fail)] {
        let rules = rules(&[Metric::RefusalRate]);
        let failed = Measurements::default().with_rate(Metric::ErrorRate, true);
        let refused = |is_bad| Measurements::default().with_rate(Metric::RefusalRate, is_bad);
        let judgement = judged(&rules, 120_000, |version, at| match version {
            // Two of five fail, and of the others one in 20 is refused.
            Version::Blue if at % 5 < 2 => failed,
            Version::Blue => refused(at % 100 > 94),
            Version::Green => refused(at.is_multiple_of(refused_one_in)),
        });
        assert_eq!(judgement.verdict, expected, "one in {refused_one_in}: {judgement:#?}");
    }
}

/// Units count when they are assigned, not when they are answered.
#[test]
fn slow_answers_are_no_mismatch() {
    let rules = rules(&[Metric::Duration]);
    let judgement = judged(&rules, 6_000, |version, at| match version {
        Version::Green if at % 10 != 0 => Measurements::default(),
        Version::Green => Measurements::default().with_value(Metric::Duration, 30_000.0),
        Version::Blue => Measurements::default().with_value(Metric::Duration, 50.0),
    });
    assert!(!judgement.is_mismatched);
    assert_eq!(judgement.verdict, Verdict::Fail);
}

/// A gate of which nothing comes: by default it is left out, named it holds, and watched
/// it says nothing.
#[test]
fn a_gate_without_data() {
    let table = [
        (false, true, Verdict::Pass, true),
        (true, true, Verdict::Inconclusive, false),
        (true, false, Verdict::Pass, false),
    ];
    for (is_named, is_critical, expected, is_left_out) in table {
        let errors = GateSpec::with_defaults(Metric::ErrorRate, &SHARES);
        let silent =
            GateSpec { is_named, is_critical, ..GateSpec::with_defaults(Metric::Score, &SHARES) };
        let rules = rules_of([errors, silent].into_iter());
        let seen = Seen { units: 60_000, blue_bad: 50, green_bad: 50 };
        let judgement = Analysis::new(&rules, &evidence(&rules, Metric::ErrorRate, &seen), 3);
        assert_eq!(judgement.verdict, expected, "{is_named} {is_critical}");
        assert_eq!(judgement.gates[1].is_left_out, is_left_out);
    }
}

#[test]
fn a_gate_that_is_only_watched_does_not_decide() {
    let watched =
        GateSpec { is_critical: false, ..GateSpec::with_defaults(Metric::RefusalRate, &SHARES) };
    let errors = GateSpec::with_defaults(Metric::ErrorRate, &SHARES);
    let rules = rules_of([errors, watched].into_iter());
    let seen = Seen { units: 300, blue_bad: 100, green_bad: 1 };
    let judgement = Analysis::new(&rules, &evidence(&rules, Metric::RefusalRate, &seen), 3);
    assert_eq!(judgement.gates[1].verdict, Verdict::Fail);
    assert_eq!(judgement.verdict, Verdict::Inconclusive);
    assert!(judgement.harm_log_e.abs() < 1e-9, "{}", judgement.harm_log_e);
}

/// Each metric, with green clearly worse, clearly the same and clearly better.
#[test]
fn values_are_judged_in_their_direction() {
    use Verdict::{Fail, Pass};
    let table = [
        (Metric::Duration, [(2.0, Fail), (1.0, Pass), (0.5, Pass)]),
        (Metric::Ttft, [(2.0, Fail), (1.0, Pass), (0.5, Pass)]),
        (Metric::Cost, [(2.0, Fail), (1.0, Pass), (0.5, Pass)]),
        // Neither longer nor shorter.
        (Metric::OutputTokens, [(2.0, Fail), (1.0, Pass), (0.5, Fail)]),
        (Metric::Score, [(0.5, Fail), (1.0, Pass), (1.2, Pass)]),
    ];
    for (metric, cases) in table {
        for (times, expected) in cases {
            let rules = rules(&[metric]);
            let mut evidence = Evidence::default();
            evidence.begin_step(3, 0);
            for second in 0..2_000_u64 {
                let one = |at: u64| {
                    let unit = second * 8 + at;
                    let is_green = at.is_multiple_of(2);
                    let version = if is_green { Version::Green } else { Version::Blue };
                    let value = (unit / 2 % 50) as f32 / 50.0;
                    let value = if is_green { value * times } else { value };
                    let told = Measurements::default().with_value(metric, value);
                    Observation {
                        at_ns: unit,
                        unit,
                        epoch: 3,
                        version,
                        is_newly_exposed: true,
                        is_assignment: true,
                        measurements: told,
                    }
                };
                evidence.add(&rules, &mut (0..8).map(one).collect());
            }
            let mut rules = rules;
            rules.steps[3] = StepDesign { new: Probability::new(0.5).unwrap(), ..rules.steps[3] };
            let judgement = Analysis::new(&rules, &evidence, 3);
            assert_eq!(judgement.verdict, expected, "{metric} ×{times}: {judgement:#?}");
        }
    }
}

/// The verdict on a green of which one answer in `green_bad` is bad, and of blue one in ten;
/// `told` says what a bad answer tells, or a good one.
fn verdict_on(metric: Metric, green_bad: u64, told: impl Fn(bool) -> Measurements) -> Verdict {
    let rules = rules(&[metric]);
    let mut evidence = Evidence::default();
    evidence.begin_step(3, 0);
    for second in 0..3_000_u64 {
        let one = |at: u64| {
            let unit = second * 16 + at;
            let is_green = at.is_multiple_of(2);
            let version = if is_green { Version::Green } else { Version::Blue };
            let told = told((unit / 2).is_multiple_of(if is_green { green_bad } else { 10 }));
            Observation {
                at_ns: unit,
                unit,
                epoch: 3,
                version,
                is_newly_exposed: true,
                is_assignment: true,
                measurements: told,
            }
        };
        evidence.add(&rules, &mut (0..16).map(one).collect());
    }
    Analysis::new(&rules, &evidence, 3).gates[0].verdict
}

/// A judge gives few scores, so that most are equal: a margin must not make up for green's
/// bad ones.
#[test]
fn scores_of_few_levels_are_judged() {
    let told =
        |is_bad| Measurements::default().with_value(Metric::Score, if is_bad { 0.3 } else { 0.8 });
    for (green_bad, expected) in [(3, Verdict::Fail), (10, Verdict::Pass)] {
        assert_eq!(verdict_on(Metric::Score, green_bad, told), expected, "{green_bad}");
    }
}

#[test]
fn thumbs_are_judged() {
    let told = |is_down| Measurements::default().with_rate(Metric::ThumbsDownRate, is_down);
    for (green_down, expected) in [(2, Verdict::Fail), (10, Verdict::Pass)] {
        assert_eq!(verdict_on(Metric::ThumbsDownRate, green_down, told), expected, "{green_down}");
    }
}
