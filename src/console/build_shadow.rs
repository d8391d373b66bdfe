//! Converts the analysis of a shadow step into what the console shows of it.

use super::build_analysis::{fraction, verdict_name};
use super::view::{PairedGateView, ShadowStepView};
use crate::analysis::{AnalysisPlan, AnalysisUnit, PairedGateAnalysis, Verdict};
use crate::rollout::{RampSpec, RampState};

// === impl ShadowStepView ===

impl ShadowStepView {
    /// The shadow step of a ramp; `None` if it has none.
    pub fn new(spec: &RampSpec, state: &RampState) -> Option<Self> {
        let (shadow, analysis) = (spec.shadow?, state.analyse_pairs(spec)?);
        let plan = &spec.analysis;
        let critical = analysis.gates.iter().filter(|gate| gate.is_critical).count().max(1);
        Some(Self {
            is_current: state.is_shadow_step(),
            share_bp: shadow.share.basis_points(),
            pairs: analysis.pairs,
            units: analysis.units,
            counts: match plan.unit {
                AnalysisUnit::Units => "users",
                AnalysisUnit::EveryRequest => "requests",
            }
            .to_owned(),
            max_pairs: shadow.max_pairs,
            pairs_needed: analysis.pairs_needed(plan),
            verdict: verdict_name(analysis.verdict).to_owned(),
            worse: fraction(analysis.harm_log_e / plan.rollback_log_e()),
            gates: analysis
                .gates
                .iter()
                .map(|it| PairedGateView::new(plan, it, critical))
                .collect(),
        })
    }
}

// === impl PairedGateView ===

impl PairedGateView {
    /// `critical` is the number of critical gates, which share α.
    fn new(plan: &AnalysisPlan, gate: &PairedGateAnalysis, critical: usize) -> Self {
        let divisor = if gate.is_critical { critical as f64 } else { 1.0 };
        // Equal ratios have no spread yet, which does not make their mean certain.
        let limits = gate.limits.filter(|it| it.low < it.high);
        Self {
            metric: gate.metric.to_string(),
            is_critical: gate.is_critical,
            verdict: match gate.verdict {
                Verdict::Inconclusive if gate.is_left_out => "left_out",
                Verdict::Inconclusive if gate.is_uneven => "not_comparable",
                verdict => verdict_name(verdict),
            }
            .to_owned(),
            units: gate.units,
            blue_only: gate.bad.map(|it| it.blue_only),
            green_only: gate.bad.map(|it| it.green_only),
            both: gate.bad.map(|it| it.both),
            ratio: gate.ratio,
            low: limits.map(|it| it.low),
            high: limits.map(|it| it.high),
            blue_missing: gate.coverage.missing.blue,
            green_missing: gate.coverage.missing.green,
            worse: fraction((gate.harm_log_e - libm::log(divisor)) / plan.rollback_log_e()),
            safe: fraction(gate.non_inferiority_log_e / plan.pass_log_e()),
        }
    }
}
