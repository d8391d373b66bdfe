//! From what the judge says to what is shown of it.

use super::view::{GateView, JudgementView};
use crate::analysis::metric::Comparison;
use crate::analysis::{Analysis, Gate, GateAnalysis, Metric, Verdict};
use crate::rollout::RampSpec;

// === impl JudgementView ===

impl JudgementView {
    /// What the judge says in a step.
    pub fn of(judgement: &Analysis, settings: &RampSpec, step: usize) -> Self {
        let rules = &settings.analysis;
        let (alpha, beta) = (-libm::log(rules.alpha), -libm::log(rules.beta));
        let critical = rules.gates.iter().filter(|gate| gate.spec.is_critical).count();
        let gate = |(gate, judged): (&Gate, &GateAnalysis)| {
            // The gates that decide share what may be wrong by chance.
            let stake = if gate.spec.is_critical { critical.max(1) as f64 } else { 1.0 };
            let worse = fraction((judged.harm_log_e - libm::log(stake)) / alpha);
            GateView::of(gate, judged, step, worse, fraction(judged.non_inferiority_log_e / beta))
        };
        Self {
            verdict: verdict_label(judgement.verdict).to_owned(),
            worse: fraction(judgement.harm_log_e / alpha),
            is_mismatched: judgement.is_mismatched,
            blue_units: judgement.units.blue,
            green_units: judgement.units.green,
            gates: rules.gates.iter().zip(&judgement.gates).map(gate).collect(),
        }
    }
}

// === impl GateView ===

impl GateView {
    fn of(gate: &Gate, judged: &GateAnalysis, step: usize, worse: f64, safe: f64) -> Self {
        let metric = judged.metric;
        let (blue, green) = (judged.means.blue, judged.means.green);
        // In the terms in which the metric's difference is shown.
        let at = |margin: f64| match metric.comparison() {
            Comparison::Share => Some(margin),
            Comparison::Lower => Some(-margin),
            Comparison::Rate | Comparison::Higher | Comparison::Either => Some(blue? * margin),
        };
        let of_step = gate.steps().get(step);
        // A part of nothing is no threshold while neither version has an event; what decides
        // then is the ceiling.
        let is_eventless =
            metric.comparison() == Comparison::Rate && blue == Some(0.0) && green == Some(0.0);
        let tolerance_at = of_step.and_then(|it| at(it.tolerance)).map(|tolerance_at| {
            // Below its ceiling a rate is safe whatever blue's is.
            let below = of_step.and_then(|it| Some(it.ceiling? - blue?));
            below.map_or(tolerance_at, |below| tolerance_at.max(below))
        });
        let tolerance_at = tolerance_at.filter(|it| !is_eventless || *it > 0.0);
        let limits = judged.interval.and_then(|it| it.limits());
        Self {
            metric: metric.to_string(),
            unit: unit(metric).to_owned(),
            is_critical: gate.spec.is_critical,
            verdict: match judged.verdict {
                Verdict::Inconclusive if judged.is_left_out => "left_out",
                Verdict::Inconclusive if judged.is_uneven => "not_comparable",
                verdict => verdict_label(verdict),
            }
            .to_owned(),
            blue,
            blue_units: judged.units.blue,
            green,
            green_units: judged.units.green,
            blue_missing: judged.coverage.missing.blue,
            green_missing: judged.coverage.missing.green,
            low: limits.map(|it| it.low),
            high: limits.map(|it| it.high),
            margin_at: at(gate.spec.margin).filter(|_| !is_eventless),
            tolerance_at,
            higher_is_worse: metric.comparison() != Comparison::Lower,
            worse,
            safe,
        }
    }
}

fn unit(metric: Metric) -> &'static str {
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
        | Metric::ThumbsDownRate => "share",
    }
}

fn verdict_label(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Inconclusive => "undecided",
    }
}

/// From 0 to 1.
fn fraction(of: f64) -> f64 {
    if of.is_nan() { 0.0 } else { of.clamp(0.0, 1.0) }
}
