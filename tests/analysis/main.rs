//! The analysis: formulas against the numbers of other packages, evidence, and verdicts.

mod across_steps;
mod adjustment;
mod bad_units;
mod censored_value;
mod confidence_sequence;
mod contingency;
mod coverage;
mod design_effect;
mod evidence;
mod faster_green;
mod influence;
mod known_fraction;
mod observation;
mod outage;
mod paired;
mod period;
mod plan;
mod power;
mod probability;
mod rate_ratio;
mod repeated_events;
mod repeated_values;
mod request_class;
mod step_analysis;
mod thresholds;
mod tripwire;
mod unit_past;
mod value_stats;
mod vectors;
mod wealth;

use verdigris::analysis::plan::MAX_UNITS;
use verdigris::analysis::{
    AnalysisPlan, AnalysisUnit, Evidence, Gate, GateSpec, Measurements, Metric, Observation,
    Probability, StepDesign, StepIndex, StepObservation,
};
use verdigris::assignment::{Epoch, Version};

/// Green's share in each step.
const SHARES: [f64; 4] = [0.01, 0.05, 0.25, 0.5];

/// The logarithm of the e-value for harm before the first bet: the ramp's fraction of α.
const NOTHING_WAS_BET: f64 = -0.105_360_515_657_826_3;

fn probability(probability: f64) -> Probability {
    Probability::new(probability).unwrap()
}

/// The plan of a ramp through [`SHARES`] with a default gate on each metric.
fn plan_for(metrics: &[Metric]) -> AnalysisPlan {
    plan_with(metrics.iter().map(|metric| GateSpec::with_defaults(*metric, &SHARES)))
}

/// The plan of a ramp through [`SHARES`] with these gates.
fn plan_with(gates: impl Iterator<Item = GateSpec>) -> AnalysisPlan {
    let mut steps = StepDesign::from_shares(&SHARES);
    // As if no unit had been on green before the last step.
    steps[3].all_units = steps[3].new_units;
    let gates = gates.map(|spec| Gate::new(spec, &steps)).collect();
    AnalysisPlan {
        gates,
        steps,
        alpha: 0.05,
        beta: 0.1,
        learns_objective: false,
        adjusts: false,
        compares_all: true,
        unit: AnalysisUnit::Units,
        warmup_ns: 0,
        cold_start_ns: 0,
        max_units: MAX_UNITS,
    }
}

/// The plan of a ramp with one gate and one step that compares versions, in which every third unit is on
/// green.
fn one_step_plan(spec: GateSpec) -> AnalysisPlan {
    let third = probability(1.0 / 3.0);
    let steps = vec![StepDesign { all_units: third, new_units: third }];
    let gates = vec![Gate::new(spec, &steps)];
    AnalysisPlan { gates, steps, ..plan_for(&[]) }
}

/// An observation of a new unit in a step, at a time in nanoseconds.
fn observe(
    at_ns: u64,
    unit: u64,
    step: usize,
    version: Version,
    measurements: Measurements,
) -> StepObservation {
    let observation = Observation {
        at_ns,
        unit,
        epoch: Epoch::new(1),
        version,
        is_newly_exposed: true,
        is_assignment: true,
        shadow: None,
        measurements,
    };
    StepObservation { step: StepIndex::new(step), observation }
}

/// The last step.
const LAST: usize = 3;

/// Evidence of a ramp whose last step began at 0.
fn evidence_in_last_step() -> Evidence {
    let mut evidence = Evidence::default();
    evidence.begin_step(StepIndex::new(LAST), 0);
    evidence
}

/// A hash that does not depend on the version.
fn spread(unit: u64) -> u64 {
    unit.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The largest fraction of so many runs that agrees with a probability: 2.5 standard errors above it.
fn limit(probability: f64, runs: u64) -> f64 {
    probability + 2.5 * (probability * (1.0 - probability) / runs as f64).sqrt()
}

fn every_third_is_green(index: u64) -> Version {
    if index.is_multiple_of(3) { Version::Green } else { Version::Blue }
}

fn every_second_is_green(index: u64) -> Version {
    if index.is_multiple_of(2) { Version::Green } else { Version::Blue }
}
