//! The counters of the evidence that gates have used.

use verdigris::analysis::observation::StepObservation;
use verdigris::analysis::{
    AnalysisPlan, AnalysisUnit, Evidence, Gate, GateSpec, Measurements, Metric, Observation,
    StepDesign, StepIndex,
};
use verdigris::assignment::{Epoch, Version};
use verdigris::stats::{EvidenceCounts, EvidenceKey};

fn plan() -> AnalysisPlan {
    let shares = [0.1];
    let steps = StepDesign::from_shares(&shares);
    let metrics = [Metric::ErrorRate, Metric::ThumbsDownRate, Metric::Score, Metric::Duration];
    let gate = |metric| Gate::new(GateSpec::with_defaults(metric, &shares), &steps);
    AnalysisPlan {
        gates: metrics.into_iter().map(gate).collect(),
        steps: steps.clone(),
        alpha: 0.05,
        beta: 0.1,
        learns_objective: false,
        adjusts: false,
        compares_all: true,
        unit: AnalysisUnit::Units,
        warmup_ns: 0,
        cold_start_ns: 0,
        max_units: 1_000,
    }
}

/// Evidence of units in the first step. Each has an error, a thumb and a score, or none.
fn evidence(plan: &AnalysisPlan, units: &[(u64, Version, bool)]) -> Evidence {
    let mut evidence = Evidence::default();
    evidence.begin_step(StepIndex::FIRST, 0);
    let observation = |(unit, version, is_bad): &(u64, Version, bool)| Observation {
        at_ns: 1,
        unit: *unit,
        epoch: Epoch::new(1),
        version: *version,
        is_newly_exposed: true,
        is_assignment: true,
        shadow: None,
        measurements: Measurements::default()
            .with_rate(Metric::ErrorRate, *is_bad)
            .with_rate(Metric::ThumbsDownRate, *is_bad)
            .with_value(Metric::Score, 0.5),
    };
    let in_first_step = |observation| StepObservation { step: StepIndex::FIRST, observation };
    evidence.add(plan, units.iter().map(observation).map(in_first_step).collect());
    evidence
}

/// What an update adds, as `version counter step: units`.
fn update(counts: &mut EvidenceCounts, evidence: &Evidence, plan: &AnalysisPlan) -> Vec<String> {
    let mut added = Vec::new();
    counts.update(evidence, plan, |EvidenceKey { counter, version, step }, units| {
        added.push(format!("{version} {counter} {step}: {units}"));
    });
    added.sort();
    added
}

#[test]
fn only_new_units_are_added() {
    use Version::{Blue, Green};
    let plan = plan();
    let mut counts = EvidenceCounts::new(&Evidence::default(), &plan);
    let first = evidence(&plan, &[(1, Blue, false), (2, Green, true)]);
    let expected = [
        "blue evidence_scores 0: 1",
        "blue evidence_thumbs 0: 1",
        "blue evidence_units 0: 1",
        "green evidence_errors 0: 1",
        "green evidence_scores 0: 1",
        "green evidence_thumbs 0: 1",
        "green evidence_thumbs_down 0: 1",
        "green evidence_units 0: 1",
    ];
    assert_eq!(update(&mut counts, &first, &plan), expected);
    assert_eq!(update(&mut counts, &first, &plan), [""; 0]);
    let more = evidence(&plan, &[(1, Blue, false), (2, Green, true), (3, Blue, true)]);
    let expected = [
        "blue evidence_errors 0: 1",
        "blue evidence_scores 0: 1",
        "blue evidence_thumbs 0: 1",
        "blue evidence_thumbs_down 0: 1",
        "blue evidence_units 0: 1",
    ];
    assert_eq!(update(&mut counts, &more, &plan), expected);
}

#[test]
fn evidence_of_an_earlier_leader_is_not_added_again() {
    let plan = plan();
    let evidence = evidence(&plan, &[(1, Version::Blue, true)]);
    let mut counts = EvidenceCounts::new(&evidence, &plan);
    assert_eq!(update(&mut counts, &evidence, &plan), [""; 0]);
}

#[test]
fn all_units_are_new_after_a_reset() {
    use Version::{Blue, Green};
    let plan = plan();
    let many = evidence(&plan, &[(1, Blue, false), (2, Blue, false), (3, Green, false)]);
    let mut counts = EvidenceCounts::new(&many, &plan);
    let fewer = evidence(&plan, &[(4, Blue, false)]);
    let units = |added: Vec<String>| added.into_iter().filter(|it| it.contains("units")).collect();
    let added: Vec<String> = units(update(&mut counts, &fewer, &plan));
    assert_eq!(added, ["blue evidence_units 0: 1"]);
    // A step that is gone starts from 0 when it returns.
    assert_eq!(update(&mut counts, &Evidence::default(), &plan), [""; 0]);
    let added: Vec<String> = units(update(&mut counts, &fewer, &plan));
    assert_eq!(added, ["blue evidence_units 0: 1"]);
}
