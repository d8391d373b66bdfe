//! Is green worse in one metric? The e-value over all steps of a ramp.
//!
//! Where units keep their version, it is the mean of two e-values:
//!
//! 1. that of what is each unit's first in a step: the first bad response, or the first value. It is
//!    exact, and ends when each unit has had one;
//! 2. that of what units tell when they come again, of the current step: bad responses one in a
//!    [period](super::repeated_events), and [values](super::repeated_values). It is an approximation.
//!    Of its initial wealth each step has the [fraction](across_steps::weight) that is bet from that
//!    step on; what earlier steps had is spent, and after the last step that compares versions
//!    nothing is left.
//!
//! The mean of e-values is an e-value, so α holds for both together as far as it does for the second.

use super::across_steps;
use super::evidence::Evidence;
use super::plan::{AnalysisPlan, AnalysisUnit, Gate};
use super::step_index::StepIndex;
use super::wealth::{Wealth, log_mean_of_directions, log_weighted_sum_exp};

/// The fraction of the initial wealth that is bet on what units tell when they come again.
const REPEATED: f64 = 0.5;

/// The natural logarithm of the e-value of the gate at `index` against "green is not worse", in a step.
pub(super) fn log_e(
    plan: &AnalysisPlan,
    evidence: &Evidence,
    step: StepIndex,
    (index, gate): (usize, &Gate),
) -> f64 {
    let first = first_log_e(plan, evidence, index, gate);
    with_repeated(plan, step, first, || match evidence.is_over(step) {
        true => f64::NEG_INFINITY,
        false => repeated_log_e(evidence, step, (index, gate)),
    })
}

/// The natural logarithm of the mean of both e-values in a step, where units come again. `first` is over
/// all steps, `repeated` is of this one.
pub(super) fn with_repeated(
    plan: &AnalysisPlan,
    step: StepIndex,
    first: f64,
    repeated: impl FnOnce() -> f64,
) -> f64 {
    if plan.unit == AnalysisUnit::EveryRequest {
        return first;
    }
    let steps = plan.steps.len();
    let weight = |step| REPEATED * across_steps::weight(step, steps);
    let of_later_steps: f64 = (step.get() + 1..steps).map(weight).sum();
    let parts = [(1.0 - REPEATED, first), (weight(step.get()), repeated()), (of_later_steps, 0.0)];
    log_weighted_sum_exp(parts.into_iter())
}

/// That of what units tell in a step when they come again.
fn repeated_log_e(evidence: &Evidence, step: StepIndex, (index, gate): (usize, &Gate)) -> f64 {
    let stats = evidence.steps.get(step.get()).and_then(|it| it.gates.get(index));
    let with_params = stats.zip(gate.params(step));
    with_params.map_or(0.0, |(stats, params)| stats.repeated_harm_log_e(gate.spec.metric, params))
}

/// That of what is each unit's first in a step: the mean of the directions' e-values.
fn first_log_e(plan: &AnalysisPlan, evidence: &Evidence, index: usize, gate: &Gate) -> f64 {
    let stats_by_step = evidence.steps.iter().map(|it| it.gates.get(index));
    // One wealth for each direction, step by step.
    let wealth_by_step: Vec<Vec<Wealth>> = gate
        .steps()
        .iter()
        .zip(stats_by_step)
        .map(|(params, stats)| stats.map_or_else(Vec::new, |stats| stats.harm_wealth(params)))
        .collect();
    let directions = wealth_by_step.iter().map(Vec::len).max().unwrap_or_default();
    let log_e_of_direction = |direction: usize| {
        let of_step = |step: &Vec<Wealth>| step.get(direction).copied().unwrap_or_default();
        let wealth: Vec<Wealth> = wealth_by_step.iter().map(of_step).collect();
        across_steps::log_e(&wealth, plan.steps.len())
    };
    log_mean_of_directions((0..directions).map(log_e_of_direction))
}
