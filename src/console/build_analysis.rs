//! Converts the analysis of a step into what the console shows of it.

use super::view::{AnalysisView, GateView};
use crate::analysis::metric::Comparison;
use crate::analysis::{Analysis, AnalysisUnit, Gate, GateAnalysis, Metric, Verdict};
use crate::rollout::RampSpec;

/// A gate's evidence as fractions of the required amount, from 0 to 1.
#[derive(Clone, Copy)]
struct EvidenceFractions {
    /// Evidence for a rollback.
    worse: f64,
    /// Evidence for advancing.
    safe: f64,
}

// === impl AnalysisView ===

impl AnalysisView {
    /// The analysis of step `step`, counted from 0.
    pub fn new(analysis: &Analysis, spec: &RampSpec, step: usize) -> Self {
        let plan = &spec.analysis;
        let (needed_worse, needed_safe) = (-libm::log(plan.alpha), -libm::log(plan.beta));
        let critical = plan.gates.iter().filter(|gate| gate.spec.is_critical).count();
        let gate = |(gate, result): (&Gate, &GateAnalysis)| {
            // Critical gates share alpha, so each of them needs more evidence.
            let divisor = if gate.spec.is_critical { critical.max(1) as f64 } else { 1.0 };
            let evidence = EvidenceFractions {
                worse: fraction((result.harm_log_e - libm::log(divisor)) / needed_worse),
                safe: fraction(result.non_inferiority_log_e / needed_safe),
            };
            let is_slow_rate = gate.spec.metric == Metric::SlowRate;
            let objective = spec.objective.filter(|_| is_slow_rate);
            let objective_ms = objective.map(|it| it.as_secs_f64() * 1e3);
            GateView::new(gate, result, objective_ms, step, evidence)
        };
        Self {
            verdict: verdict_name(analysis.verdict).to_owned(),
            worse: fraction(analysis.harm_log_e / needed_worse),
            is_mismatched: analysis.is_mismatched,
            blue_units: analysis.units.blue,
            green_units: analysis.units.green,
            expected_green: plan.steps.get(step).map(|design| design.new_units.get()),
            counts: match plan.unit {
                AnalysisUnit::Units => "users",
                AnalysisUnit::EveryRequest => "requests",
            }
            .to_owned(),
            gates: plan.gates.iter().zip(&analysis.gates).map(gate).collect(),
        }
    }
}

// === impl GateView ===

impl GateView {
    fn new(
        gate: &Gate,
        result: &GateAnalysis,
        objective_ms: Option<f64>,
        step: usize,
        evidence: EvidenceFractions,
    ) -> Self {
        let metric = result.metric;
        let (blue, green) = (result.means.blue, result.means.green);
        // While blue's rate has no event, the ceiling alone decides.
        let is_eventless = is_eventless(metric, blue);
        let tolerance_at = tolerance_at(gate, blue, step);
        // Equal values have no spread yet, which does not make their mean certain.
        let limits = result.interval.and_then(|it| it.limits()).filter(|it| it.low < it.high);
        Self {
            metric: metric.to_string(),
            unit: unit(metric).to_owned(),
            is_critical: gate.spec.is_critical,
            verdict: match result.verdict {
                Verdict::Inconclusive if result.is_left_out => "left_out",
                Verdict::Inconclusive if result.is_uneven => "not_comparable",
                verdict => verdict_name(verdict),
            }
            .to_owned(),
            blue,
            blue_units: result.units.blue,
            green,
            green_units: result.units.green,
            blue_missing: result.coverage.missing.blue,
            green_missing: result.coverage.missing.green,
            bad_units_needed: result.missing_bad_units,
            looks_worse: result.looks_worse,
            threshold_ms: result.threshold_ms.or(objective_ms),
            is_learning: result.awaits_threshold,
            low: limits.map(|it| it.low),
            high: limits.map(|it| it.high),
            margin_at: difference_at(metric, blue, gate.spec.margin).filter(|_| !is_eventless),
            tolerance_at: tolerance_at.filter(|it| !is_eventless || *it > 0.0),
            higher_is_worse: metric.comparison() != Comparison::Lower,
            worse: evidence.worse,
            safe: evidence.safe,
        }
    }
}

/// Whether blue's rate has no event: then a relative margin is no threshold.
pub(super) fn is_eventless(metric: Metric, blue: Option<f64>) -> bool {
    metric.comparison() == Comparison::Rate && blue == Some(0.0)
}

/// A margin as a difference of means, in the metric's unit.
pub(super) fn difference_at(metric: Metric, blue: Option<f64>, margin: f64) -> Option<f64> {
    match metric.comparison() {
        Comparison::Share => Some(margin),
        // The margin is in green's threshold.
        Comparison::Quantile => Some(0.0),
        Comparison::Lower => Some(-margin),
        Comparison::Rate | Comparison::Higher | Comparison::Either => Some(blue? * margin),
    }
}

/// The difference below which green passes the gate in this step.
fn tolerance_at(gate: &Gate, blue: Option<f64>, step: usize) -> Option<f64> {
    let step = gate.steps().get(step)?;
    if gate.spec.metric.quantile().is_some() {
        // This test has a threshold of its own, so its rates are not those that are shown.
        return None;
    }
    let tolerance_at = difference_at(gate.spec.metric, blue, step.tolerance)?;
    // A rate below its ceiling passes, whatever blue's rate is.
    let below_ceiling = step.ceiling.zip(blue).map(|(ceiling, blue)| ceiling - blue);
    Some(below_ceiling.map_or(tolerance_at, |below| tolerance_at.max(below)))
}

pub(super) fn unit(metric: Metric) -> &'static str {
    match metric {
        Metric::Duration | Metric::Ttft => "ms",
        Metric::OutputTokens => "tokens",
        Metric::Cost => "usd",
        Metric::Score => "score",
        Metric::ErrorRate
        | Metric::ClientErrorRate
        | Metric::RefusalRate
        | Metric::EmptyRate
        | Metric::TruncationRate
        | Metric::AbortRate
        | Metric::SlowRate
        | Metric::ThumbsDownRate
        | Metric::Preference
        | Metric::DurationP90
        | Metric::DurationP95
        | Metric::DurationP99
        | Metric::TtftP90
        | Metric::TtftP95
        | Metric::TtftP99 => "share",
    }
}

/// The name of a verdict in `/state.json`.
pub(super) fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Inconclusive => "undecided",
    }
}

/// Clamps to 0 to 1; NaN becomes 0.
pub(super) fn fraction(evidence: f64) -> f64 {
    if evidence.is_nan() { 0.0 } else { evidence.clamp(0.0, 1.0) }
}
