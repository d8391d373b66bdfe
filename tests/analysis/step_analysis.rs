//! Verdicts on rates, and how gates combine.

use verdigris::analysis::{
    Analysis, AnalysisPlan, Evidence, GateSpec, Measurements, Metric, StepDesign, StepIndex,
    Verdict,
};

use crate::{
    LAST, SHARES, every_third_is_green, evidence_in_last_step, observe, plan_for, plan_with,
    probability, spread,
};

/// So many units in the last step, a third of them on green. Every so-many-th of a version's is
/// bad; 0 for none.
#[derive(Clone, Copy)]
struct Traffic {
    units: u64,
    blue_bad_every: u64,
    green_bad_every: u64,
}

fn traffic(units: u64, blue_bad_every: u64, green_bad_every: u64) -> Traffic {
    Traffic { units, blue_bad_every, green_bad_every }
}

fn evidence(plan: &AnalysisPlan, metric: Metric, traffic: Traffic) -> Evidence {
    let observation = |index: u64| {
        let is_green = index.is_multiple_of(3);
        let every = if is_green { traffic.green_bad_every } else { traffic.blue_bad_every };
        let is_bad = every > 0 && (index / 3).is_multiple_of(every);
        let measurements = Measurements::default().with_rate(metric, is_bad);
        observe(index, spread(index), LAST, every_third_is_green(index), measurements)
    };
    let mut evidence = evidence_in_last_step();
    evidence.add(plan, (0..traffic.units).map(observation).collect());
    evidence
}

fn analyse(plan: &AnalysisPlan, metric: Metric, traffic: Traffic) -> Analysis {
    Analysis::new(plan, &evidence(plan, metric, traffic), StepIndex::new(LAST))
}

#[test]
fn a_rate_has_a_verdict() {
    use Verdict::{Fail, Inconclusive, Pass};
    let table = [
        ("no responses", traffic(0, 0, 0), Inconclusive),
        ("one response", traffic(1, 0, 0), Inconclusive),
        ("one bad response", traffic(1, 1, 1), Inconclusive),
        ("green is the same", traffic(60_000, 50, 50), Pass),
        ("green is better", traffic(60_000, 20, 50), Pass),
        ("green is worse", traffic(30_000, 100, 20), Fail),
        ("green is broken", traffic(300, 100, 1), Fail),
        ("both are broken", traffic(3_000, 1, 1), Pass),
        ("nothing fails", traffic(3_000, 0, 0), Pass),
        ("nothing fails, too few units", traffic(300, 0, 0), Inconclusive),
    ];
    let plan = plan_for(&[Metric::ErrorRate]);
    for (what, traffic, expected) in table {
        let analysis = analyse(&plan, Metric::ErrorRate, traffic);
        assert!(!analysis.is_mismatched, "{what}");
        assert_eq!(analysis.verdict, expected, "{what}: {analysis:#?}");
        assert_eq!(analysis.gates[0].verdict, expected, "{what}");
    }
}

/// The weights say that half of the units are on green, but a third is.
#[test]
fn a_sample_ratio_mismatch_is_inconclusive_unless_green_is_worse() {
    let mut plan = plan_for(&[Metric::ErrorRate]);
    plan.steps[LAST] = StepDesign { new_units: probability(0.5), ..plan.steps[LAST] };
    for (green_bad_every, expected) in [(100, Verdict::Inconclusive), (1, Verdict::Fail)] {
        let analysis = analyse(&plan, Metric::ErrorRate, traffic(10_000, 100, green_bad_every));
        assert!(analysis.is_mismatched);
        assert_eq!(analysis.verdict, expected, "one of {green_bad_every} of green's is bad");
    }
}

#[test]
fn a_gate_without_data_is_left_out_if_it_is_a_default_one() {
    // Whether the gate is configured, and critical; the verdict, and whether it is left out.
    let table = [
        (false, true, Verdict::Pass, true),
        (true, true, Verdict::Inconclusive, false),
        (true, false, Verdict::Pass, false),
    ];
    for (is_named, is_critical, expected, is_left_out) in table {
        let errors = GateSpec::with_defaults(Metric::ErrorRate, &SHARES);
        let score = GateSpec::with_defaults(Metric::Score, &SHARES);
        let without_data = GateSpec { is_named, is_critical, ..score };
        let plan = plan_with([errors, without_data].into_iter());
        let analysis = analyse(&plan, Metric::ErrorRate, traffic(60_000, 50, 50));
        assert_eq!(analysis.verdict, expected, "{is_named} {is_critical}");
        assert_eq!(analysis.gates[1].is_left_out, is_left_out);
    }
}

#[test]
fn a_watched_gate_does_not_decide() {
    let refusals = GateSpec::with_defaults(Metric::RefusalRate, &SHARES);
    let watched = GateSpec { is_critical: false, ..refusals };
    let errors = GateSpec::with_defaults(Metric::ErrorRate, &SHARES);
    let plan = plan_with([errors, watched].into_iter());
    let analysis = analyse(&plan, Metric::RefusalRate, traffic(300, 100, 1));
    assert_eq!(analysis.gates[1].verdict, Verdict::Fail);
    assert_eq!(analysis.verdict, Verdict::Inconclusive);
    assert!(analysis.harm_log_e.abs() < 1e-9, "{}", analysis.harm_log_e);
}
