//! The metrics of a ramp: its gates and its tripwires.

use std::time::Duration;

use serde_json::json;

use super::FieldError;
use super::diagnostics::Diagnostics;
use super::gates::{GateSection, check_gates};
use super::ramp_checks::MetricRef;
use super::ramp_context::RampContext;
use super::raw::ramp::RawRamp;
use super::tripwires::check_tripwires;
use crate::analysis::{GateSpec, Metric, PairedEvidence, Tripwire};
use crate::rollout::RampSpec;

/// The metrics by which a ramp decides; a field is `None` where the section is invalid.
pub(super) struct RampMetrics {
    pub specs: Option<Vec<GateSpec>>,
    /// The duration from which a response is slow, if it is configured.
    pub objective: Option<Duration>,
    /// Whether the objective of `slow_rate` is learned from blue.
    pub learns_objective: bool,
    pub tripwires: Option<Vec<Tripwire>>,
}

// === impl RampMetrics ===

impl RampMetrics {
    /// Checks the gates and tripwires, and takes them, for steps with these shares.
    pub fn check(
        raw: &mut RawRamp,
        shares: Option<&[f64]>,
        has_shadow_step: bool,
        context: &RampContext,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        let GateSection { specs, objective, mut metrics } =
            check_gates(raw.gates.take(), raw.profile, shares, context.judges_pairs, diagnostics);
        // A gate that needs bodies enables reading. The default tripwires alone do not.
        let needs_bodies = metrics.iter().any(|it| RampSpec::is_from_body(it.metric));
        let reads_bodies = !context.disables_reading && (context.has_answers || needs_bodies);
        let tripwires =
            check_tripwires(raw.tripwires.take(), reads_bodies, &mut metrics, diagnostics);
        reject_unmeasured(&metrics, context, diagnostics);
        let watches_slow = specs.iter().flatten().any(|gate| gate.metric == Metric::SlowRate);
        let learns_objective = watches_slow && objective.is_none();
        if let Some(specs) = &specs {
            reject_gates_of_pairs_alone(specs, diagnostics);
            if has_shadow_step {
                reject_shadow_step_without_gates(specs, learns_objective, diagnostics);
            }
        }
        Self { specs, objective, learns_objective, tripwires }
    }
}

/// Adds an error if each critical gate compares pairs, and nothing else.
fn reject_gates_of_pairs_alone(gates: &[GateSpec], diagnostics: &mut Diagnostics) {
    let mut critical = gates.iter().filter(|gate| gate.is_critical).peekable();
    if critical.peek().is_some() && critical.all(|gate| gate.metric.is_of_pairs()) {
        let fix = "preference is compared in the shadow step only, so no step after it would end; add \
                   a critical gate such as error_rate";
        diagnostics.push(FieldError::unneeded("ramp.gates", fix));
    }
}

/// Adds an error if pairs are compared by none of the critical gates.
fn reject_shadow_step_without_gates(
    gates: &[GateSpec],
    learns_objective: bool,
    diagnostics: &mut Diagnostics,
) {
    let compares = |gate: &GateSpec| PairedEvidence::compares(gate.metric, learns_objective);
    if !gates.iter().any(|gate| gate.is_critical && compares(gate)) {
        let fix = "copies of requests are compared by none of the critical gates, so the step \
                   would never end; add a gate such as error_rate or duration, or remove the step";
        diagnostics.push(FieldError::unneeded("ramp.steps[0].shadow", fix));
    }
}

/// Adds an error for each metric that the configuration does not measure.
fn reject_unmeasured(metrics: &[MetricRef], context: &RampContext, diagnostics: &mut Diagnostics) {
    for MetricRef { field, metric } in metrics {
        let fix = match metric {
            Metric::Cost if !context.has_prices => "cost requires prices; add prices",
            Metric::ThumbsDownRate if !context.has_thumbs => {
                "thumbs_down_rate requires feedback; add feedback with a thumb"
            }
            Metric::Score if !context.has_scores => {
                "score requires scores; add a judge, or feedback with a score"
            }
            Metric::Preference if !context.judges_pairs => {
                "preference requires a judge of pairs; add a judge with \"mode\": \"pairwise\""
            }
            _ => continue,
        };
        diagnostics.push(FieldError::new(field, &json!(metric), fix));
    }
    let mut from_body: Vec<&str> = Vec::new();
    for metric in metrics.iter().map(|it| it.metric).filter(|it| RampSpec::is_from_body(*it)) {
        if !from_body.contains(&metric.as_str()) {
            from_body.push(metric.as_str());
        }
    }
    if context.disables_reading && !from_body.is_empty() {
        let fix = format!(
            "the ramp uses {}, which requires reading responses; write true, or remove these \
             gates and tripwires",
            from_body.join(", ")
        );
        diagnostics.push(FieldError::new("answers.read", &json!(false), fix));
    }
}
