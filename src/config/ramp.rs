//! The `ramp` section.

use std::time::{Duration, SystemTime};

use serde_json::{Number, json};

use super::FieldError;
use super::adjustment::{AdjustmentSection, CheckedAdjustment};
use super::control::check_control;
use super::diagnostics::Diagnostics;
use super::gates::{GateSection, check_gates};
use super::ramp_checks::{MetricRef, check_number};
use super::ramp_steps::{StepSection, analysed_shares, check_steps};
use super::raw::ramp::RawRamp;
use super::raw::root::RawConfig;
use super::time::{parse_duration, parse_timestamp};
use super::tripwires::check_tripwires;
use crate::analysis::plan::MAX_UNITS;
use crate::analysis::{AnalysisPlan, Gate, GateSpec, Metric, PairedEvidence};
use crate::assignment::Share;
use crate::rollout::RampSpec;

/// The facts of the other sections that a ramp depends on.
pub(super) struct RampContext {
    /// Whether there are weights.
    pub has_weights: bool,
    /// Whether there are prices.
    pub has_prices: bool,
    /// Whether feedback has a thumb.
    pub has_thumbs: bool,
    /// Whether feedback has a score, or a judge gives one.
    pub has_scores: bool,
    /// Whether a judge compares pairs.
    pub judges_pairs: bool,
    /// Whether there is an `answers` section.
    pub has_answers: bool,
    /// Whether the answers of a share of units are read.
    pub has_sample: bool,
    /// Whether the `answers` section disables reading.
    pub disables_reading: bool,
    /// Whether conversations keep their version. They are then the unit of analysis.
    pub has_conversations: bool,
}

// === impl RampContext ===

impl RampContext {
    /// The context of the ramp in this configuration.
    pub fn new(raw: &RawConfig) -> Self {
        let feedback = raw.feedback.as_ref();
        Self {
            has_weights: raw.weights.is_some(),
            has_prices: !raw.prices.is_empty(),
            has_thumbs: feedback.is_some_and(|it| it.thumb.is_some()),
            has_scores: feedback.is_some_and(|it| it.score.is_some())
                || raw.judge.as_ref().is_some_and(|it| it.mode.has_scores()),
            judges_pairs: raw.judge.as_ref().is_some_and(|it| it.mode.has_pairs()),
            has_answers: raw.answers.is_some(),
            has_sample: raw.answers.as_ref().is_some_and(|it| it.sample.is_some()),
            disables_reading: raw.answers.as_ref().is_some_and(|it| it.read == Some(false)),
            has_conversations: raw.conversation.is_some(),
        }
    }
}

const WARMUP: Duration = Duration::from_secs(2 * 60);
const ALPHA: f64 = 0.05;
const BETA: f64 = 0.1;

/// Checks the `ramp` section. `start_delay` is how long a fleet takes to begin it.
pub(super) fn check_ramp(
    raw: RawRamp,
    context: &RampContext,
    start_delay: Duration,
    diagnostics: &mut Diagnostics,
) -> Option<RampSpec> {
    reject_beside_ramp(context, diagnostics);
    let control = check_control(&raw.control, diagnostics);
    let StepSection { shadow, steps } =
        check_steps(raw.steps, raw.profile, control, context.has_conversations, diagnostics);
    let bake = check_period("ramp.bake", raw.bake.as_deref(), raw.profile.bake(), diagnostics);
    let timeout = check_timeout(raw.timeout.as_deref(), raw.profile.timeout(), bake, diagnostics);
    let warmup = raw.warmup.as_deref();
    let warmup = check_within_bake("ramp.warmup", warmup, WARMUP, bake, diagnostics);
    let cold_start = raw.cold_start.as_deref();
    let cold_start =
        check_within_bake("ramp.cold_start", cold_start, Duration::ZERO, bake, diagnostics);

    let shares: Option<Vec<f64>> = steps.as_deref().map(analysed_shares);
    let GateSection { specs, objective, mut metrics } =
        check_gates(raw.gates, raw.profile, shares.as_deref(), context.judges_pairs, diagnostics);
    // A gate that needs bodies enables reading. The default tripwires alone do not.
    let needs_bodies = metrics.iter().any(|it| RampSpec::is_from_body(it.metric));
    let reads_bodies = !context.disables_reading && (context.has_answers || needs_bodies);
    let tripwires = check_tripwires(raw.tripwires, reads_bodies, &mut metrics, diagnostics);
    reject_unmeasured(&metrics, context, diagnostics);

    let watches_slow =
        specs.iter().flatten().any(|gate: &GateSpec| gate.metric == Metric::SlowRate);
    let learns_objective = watches_slow && objective.is_none();
    reject_gates_of_pairs_alone(specs.as_deref().unwrap_or_default(), diagnostics);
    if let (Some(_), Some(specs)) = (&shadow, &specs) {
        reject_shadow_step_without_gates(specs, learns_objective, diagnostics);
    }
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
        bake: bake.unwrap_or_default(),
        unit: raw.evidence,
        has_shadow_step: shadow.is_some(),
        is_adjustable,
    };
    let CheckedAdjustment { adjusts, baseline } = adjustment.check(diagnostics);
    let shadow = match shadow {
        Some(shadow) => Some(shadow?),
        None => None,
    };
    // The shadow step and the steps after it each have half of it.
    let alpha = alpha? * if shadow.is_some() { 0.5 } else { 1.0 };
    let gates = specs.into_iter().map(|spec| Gate::new(spec, &step_designs)).collect();
    let steps = steps?;
    let compares_all = steps.iter().all(|step| step.analysed_share == Share::ALL);
    Some(RampSpec {
        steps,
        shadow,
        baseline: baseline?,
        bake: bake?,
        timeout: timeout?,
        analysis: AnalysisPlan {
            gates,
            steps: step_designs,
            alpha,
            beta: beta?,
            learns_objective,
            adjusts,
            compares_all,
            unit: raw.evidence,
            warmup_ns: u64::try_from(warmup?.as_nanos()).ok()?,
            cold_start_ns: u64::try_from(cold_start?.as_nanos()).ok()?,
            max_units: MAX_UNITS,
        },
        has_conversations: context.has_conversations,
        reads_compared_only: control.reads_compared_only(),
        tripwires: tripwires?,
        objective,
        started: started.map_or(Some(None), |it| it.map(Some))?,
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

/// Adds an error if each critical gate compares pairs, and nothing else.
fn reject_gates_of_pairs_alone(gates: &[GateSpec], diagnostics: &mut Diagnostics) {
    let mut critical = gates.iter().filter(|gate| gate.is_critical).peekable();
    if critical.peek().is_some() && critical.all(|gate| gate.metric.is_of_pairs()) {
        let fix = "preference is compared in the shadow step only, so no step after it would end; add \
                   a critical gate such as error_rate";
        diagnostics.push(FieldError::unneeded("ramp.gates", fix));
    }
}

fn check_started(text: &str, diagnostics: &mut Diagnostics) -> Option<SystemTime> {
    diagnostics.checked("ramp.started", text, |text| {
        parse_timestamp(text).ok_or(
            r#"write an RFC 3339 timestamp from 1970 or later, such as "2026-11-25T10:00:00Z""#,
        )
    })
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

fn check_period(
    field: &str,
    raw: Option<&str>,
    default: Duration,
    diagnostics: &mut Diagnostics,
) -> Option<Duration> {
    let Some(text) = raw else { return Some(default) };
    let period = parse_duration(text).filter(|period| !period.is_zero());
    if period.is_none() {
        let fix = "write a whole number of ms, s, m, h or d, above 0 and at most 365 days, such \
                   as \"10m\"";
        diagnostics.push(FieldError::new(field, &json!(text), fix));
    }
    period
}

fn check_timeout(
    raw: Option<&str>,
    default: Duration,
    bake: Option<Duration>,
    diagnostics: &mut Diagnostics,
) -> Option<Duration> {
    let bake = bake.unwrap_or_default();
    let timeout = check_period("ramp.timeout", raw, default.max(bake), diagnostics)?;
    if timeout < bake {
        let fix = "is shorter than bake; write at least the duration of bake";
        diagnostics.push(FieldError::new("ramp.timeout", &json!(raw), fix));
        return None;
    }
    Some(timeout)
}

/// Checks a time at the beginning of each step.
fn check_within_bake(
    field: &str,
    raw: Option<&str>,
    default: Duration,
    bake: Option<Duration>,
    diagnostics: &mut Diagnostics,
) -> Option<Duration> {
    let bake = bake.unwrap_or(Duration::MAX);
    let Some(text) = raw else { return Some(default.min(bake)) };
    let time = parse_duration(text).filter(|time| *time <= bake);
    if time.is_none() {
        let fix = "write a whole number of ms, s, m, h or d, at most the duration of bake, such as \
                   \"2m\"";
        diagnostics.push(FieldError::new(field, &json!(text), fix));
    }
    time
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
