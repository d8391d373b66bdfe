//! The analysis of all gates in one step.

use super::by_version::ByVersion;
use super::evidence::Evidence;
use super::gate_analysis::GateAnalysis;
use super::plan::{AnalysisPlan, Gate};
use super::sample_ratio;
use super::step_index::StepIndex;
use super::verdict::Verdict;
use super::wealth::log_weighted_sum_exp;

/// The analysis of all gates in one step.
#[derive(Clone, Debug, PartialEq)]
pub struct Analysis {
    /// Whether to roll back, advance or hold.
    pub verdict: Verdict,
    /// The natural logarithm of the e-value against "green is not worse", over all critical
    /// gates. From [`AnalysisPlan::rollback_log_e`] on, green is worse.
    pub harm_log_e: f64,
    /// The analysis of each gate, in the plan's order.
    pub gates: Vec<GateAnalysis>,
    /// Whether the ratio of units does not match the weights. Then green is not called safe. It
    /// may still be called worse: a version that drops users must not hide behind that.
    pub is_mismatched: bool,
    /// Whether the metric of a critical gate is known on one version only, or for unequal
    /// fractions of both.
    pub is_uneven: bool,
    /// Units that were assigned in the step and were on blue before it.
    pub units: ByVersion<u64>,
}

/// From this e-value on, the ratio of units does not match the weights.
const MISMATCH_E_VALUE: f64 = 1000.0;

// === impl Analysis ===

impl Analysis {
    /// The analysis of the evidence in a step.
    pub fn new(plan: &AnalysisPlan, evidence: &Evidence, step: StepIndex) -> Self {
        let weight = 1.0 / plan.critical_gates().max(1) as f64;
        let analyse = |(index, gate): (usize, &Gate)| {
            let weight = if gate.spec.is_critical { weight } else { 1.0 };
            GateAnalysis::new(plan, evidence, step, (index, gate), weight)
        };
        let gates: Vec<GateAnalysis> = plan.gates.iter().enumerate().map(analyse).collect();
        let is_critical = plan.gates.iter().map(|gate| gate.spec.is_critical);
        let critical: Vec<&GateAnalysis> =
            gates.iter().zip(is_critical).filter(|(_, it)| *it).map(|(gate, _)| gate).collect();
        // Each has its own fraction of α, so either may decide.
        let harm_log_e = combined_harm_log_e(&critical, weight, |gate| gate.harm_log_e_of_ramp)
            .max(combined_harm_log_e(&critical, weight, |gate| gate.harm_log_e_of_period));
        let units = evidence.steps.get(step.get()).map(|stats| stats.units).unwrap_or_default();
        let is_mismatched = plan.steps.get(step.get()).is_some_and(|design| {
            sample_ratio::log_e(design.new_units, units) >= libm::log(MISMATCH_E_VALUE)
        });
        let is_uneven = critical.iter().any(|gate| gate.is_uneven);
        let verdict = match () {
            () if harm_log_e >= plan.rollback_log_e() => Verdict::Fail,
            () if is_mismatched => Verdict::Inconclusive,
            () if all_pass(&critical) => Verdict::Pass,
            () => Verdict::Inconclusive,
        };
        Self { verdict, harm_log_e, gates, is_mismatched, is_uneven, units }
    }

    /// The evidence for safe of the gate that has least among those that the ramp waits for and that can
    /// be compared, as a fraction of what advances; `None` where no gate decides. `plan` is the plan
    /// of this analysis.
    pub fn least_safe(&self, plan: &AnalysisPlan) -> Option<f64> {
        let deciding = plan.gates.iter().zip(&self.gates).filter(|(gate, result)| {
            gate.spec.is_critical && !result.is_left_out && !result.is_uneven
        });
        let safe =
            deciding.map(|(_, result)| (result.non_inferiority_log_e / plan.pass_log_e()).max(0.0));
        safe.reduce(f64::min)
    }
}

/// The natural logarithm of the weighted sum of the critical gates' e-values. `log_e` is a gate's.
///
/// A gate that may not fail, or is left out, counts as if it had lost its whole wealth. That
/// keeps the sum below the sum over all gates, which is an e-value.
fn combined_harm_log_e(
    critical: &[&GateAnalysis],
    weight: f64,
    log_e: fn(&GateAnalysis) -> f64,
) -> f64 {
    let counted = critical.iter().filter(|gate| gate.may_fail && !gate.is_left_out);
    match counted.clone().next() {
        Some(_) => log_weighted_sum_exp(counted.map(|gate| (weight, log_e(gate)))),
        // Nothing was bet.
        None => 0.0,
    }
}

/// Whether at least one critical gate passes, and all pass that are not left out.
fn all_pass(critical: &[&GateAnalysis]) -> bool {
    let passes = |gate: &GateAnalysis| gate.verdict == Verdict::Pass;
    critical.iter().any(|gate| passes(gate))
        && critical.iter().all(|gate| passes(gate) || gate.is_left_out)
}
