//! The `ramp` section.

use std::time::{Duration, SystemTime};

use serde_json::Number;

use super::FieldError;
use super::adjustment::{AdjustmentSection, CheckedAdjustment};
use super::control::check_control;
use super::diagnostics::Diagnostics;
use super::ramp_checks::check_number;
use super::ramp_context::RampContext;
use super::ramp_metrics::RampMetrics;
use super::ramp_steps::{StepSection, analysed_shares, check_steps};
use super::ramp_times::RampTimes;
use super::raw::ramp::RawRamp;
use super::section::valid;
use super::time::parse_timestamp;
use crate::analysis::plan::MAX_UNITS;
use crate::analysis::{AnalysisPlan, Gate};
use crate::assignment::Share;
use crate::rollout::RampSpec;

const ALPHA: f64 = 0.05;
const BETA: f64 = 0.1;

/// Checks the `ramp` section. `start_delay` is how long a fleet takes to begin it.
pub(super) fn check_ramp(
    mut raw: RawRamp,
    context: &RampContext,
    start_delay: Duration,
    diagnostics: &mut Diagnostics,
) -> Option<RampSpec> {
    reject_beside_ramp(context, diagnostics);
    let control = check_control(&raw.control, diagnostics);
    let StepSection { shadow, steps } =
        check_steps(raw.steps.take(), raw.profile, control, context.has_conversations, diagnostics);
    let times = RampTimes::check(&raw, diagnostics);

    let shares: Option<Vec<f64>> = steps.as_deref().map(analysed_shares);
    let RampMetrics { specs, objective, learns_objective, tripwires } =
        RampMetrics::check(&mut raw, shares.as_deref(), shadow.is_some(), context, diagnostics);
    let alpha = check_probability("ramp.alpha", raw.alpha.as_ref(), ALPHA, diagnostics);
    let beta = check_probability("ramp.beta", raw.beta.as_ref(), BETA, diagnostics);
    let started = raw.started.map(|text| check_started(&text, diagnostics));

    // All errors are reported by now. Below, each `?` ends the conversion of an invalid ramp.
    let control = control?;
    let step_designs = control.step_designs(&shares?, context.has_conversations);
    let specs = specs?;
    let is_adjustable = specs.iter().any(|spec| spec.metric.is_adjustable());
    let adjustment = AdjustmentSection {
        adjust: raw.adjust,
        baseline: raw.baseline,
        profile: raw.profile,
        bake: times.bake.unwrap_or_default(),
        unit: raw.evidence,
        has_shadow_step: shadow.is_some(),
        is_adjustable,
    };
    let CheckedAdjustment { adjusts, baseline } = adjustment.check(diagnostics);
    let shadow = valid(shadow)?;
    // The shadow step and the steps after it each have half of it.
    let alpha = alpha? * if shadow.is_some() { 0.5 } else { 1.0 };
    let gates = specs.into_iter().map(|spec| Gate::new(spec, &step_designs)).collect();
    let steps = steps?;
    let compares_all = steps.iter().all(|step| step.analysed_share == Share::ALL);
    Some(RampSpec {
        steps,
        shadow,
        baseline: baseline?,
        bake: times.bake?,
        timeout: times.timeout?,
        analysis: AnalysisPlan {
            gates,
            steps: step_designs,
            alpha,
            beta: beta?,
            learns_objective,
            adjusts,
            compares_all,
            unit: raw.evidence,
            warmup_ns: u64::try_from(times.warmup?.as_nanos()).ok()?,
            cold_start_ns: u64::try_from(times.cold_start?.as_nanos()).ok()?,
            max_units: MAX_UNITS,
        },
        has_conversations: context.has_conversations,
        reads_compared_only: control.reads_compared_only(),
        tripwires: tripwires?,
        objective,
        started: valid(started)?,
        start_delay,
        restart: raw.restart,
        is_paused: raw.paused,
        is_rolled_back: raw.rolled_back,
    })
}

/// Adds an error for each field outside `ramp` that cannot be used with it.
fn reject_beside_ramp(context: &RampContext, diagnostics: &mut Diagnostics) {
    if context.has_weights {
        let fix = "weights and ramp cannot be used together; remove one";
        diagnostics.push(FieldError::unneeded("ramp", fix));
    }
    if context.has_sample {
        let fix = "a ramp reads the answers of all units that it compares; write fewer of these with \
                   ramp.control, such as {\"ratio\": 4}, or remove it";
        diagnostics.push(FieldError::unneeded("answers.sample", fix));
    }
}

fn check_started(text: &str, diagnostics: &mut Diagnostics) -> Option<SystemTime> {
    diagnostics.checked("ramp.started", text, |text| {
        parse_timestamp(text).ok_or(
            r#"write an RFC 3339 timestamp from 1970 or later, such as "2026-11-25T10:00:00Z""#,
        )
    })
}

fn check_probability(
    field: &str,
    raw: Option<&Number>,
    default: f64,
    diagnostics: &mut Diagnostics,
) -> Option<f64> {
    let fix = format!("write a probability, above 0 and at most 0.5, such as {default}");
    let is_allowed = |probability| probability > 0.0 && probability <= 0.5;
    check_number(field, raw, default, is_allowed, &fix, diagnostics)
}
