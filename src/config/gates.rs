//! The gates of a ramp.

use std::time::Duration;

use serde_json::{Number, json};

use super::FieldError;
use super::diagnostics::Diagnostics;
use super::ramp_checks::{MetricRef, check_metric, check_number};
use super::raw::ramp::{RawGate, RawTolerance};
use super::time::parse_duration;
use crate::analysis::unit_flags::MAX_GATES;
use crate::analysis::{GateSpec, Metric};
use crate::rollout::RampProfile;

/// The checked gates.
pub(super) struct GateSection {
    /// The gates; `None` if any is invalid.
    pub specs: Option<Vec<GateSpec>>,
    /// The duration from which a response is slow, if it is configured.
    pub objective: Option<Duration>,
    /// The metrics that the gates use.
    pub metrics: Vec<MetricRef>,
}

/// The metrics of the default gates.
const DEFAULT_METRICS: [Metric; 8] = [
    Metric::ErrorRate,
    Metric::ClientErrorRate,
    Metric::RefusalRate,
    Metric::EmptyRate,
    Metric::AbortRate,
    Metric::SlowRate,
    Metric::Duration,
    Metric::Ttft,
];

/// The largest margin. It already allows green to be eleven times as bad as blue.
const MAX_MARGIN: f64 = 10.0;

/// The largest tolerance. It leaves room above the largest margin.
const MAX_TOLERANCE: f64 = 20.0;

/// Checks the gates. `shares` are green's shares in the steps below 100 percent, if the steps are
/// valid. `judges_pairs` is whether a judge compares pairs, which the default gates then do too.
pub(super) fn check_gates(
    raw: Option<Vec<RawGate>>,
    profile: RampProfile,
    shares: Option<&[f64]>,
    judges_pairs: bool,
    diagnostics: &mut Diagnostics,
) -> GateSection {
    let Some(raw) = raw else { return default_gates(profile, shares, judges_pairs) };
    let mut metrics: Vec<MetricRef> = Vec::new();
    if raw.is_empty() {
        let fix = "write at least one gate, or remove the field to use the default gates";
        diagnostics.push(FieldError::new("ramp.gates", &json!([]), fix));
        return GateSection { specs: None, objective: None, metrics };
    }
    if raw.len() > MAX_GATES {
        let fix = format!("write at most {MAX_GATES} gates");
        let value = json!(format!("{} gates", raw.len()));
        diagnostics.push(FieldError::new("ramp.gates", &value, fix));
    }
    if raw.iter().all(|gate| gate.critical == Some(false)) {
        let fix = "no gate is critical, so no gate decides; make at least one critical";
        diagnostics.push(FieldError::new("ramp.gates[0].critical", &json!(false), fix));
    }
    let mut objective = None;
    let mut specs = Vec::new();
    for (index, gate) in raw.iter().enumerate() {
        let gate_field = format!("ramp.gates[{index}]");
        let field = format!("{gate_field}.metric");
        let Some(metric) = check_metric(&field, gate.metric.as_deref(), diagnostics) else {
            specs.push(None);
            continue;
        };
        if metrics.iter().any(|it| it.metric == metric) {
            let fix = "already has a gate; keep one";
            diagnostics.push(FieldError::new(&field, &json!(metric), fix));
        }
        metrics.push(MetricRef { field, metric });
        let default = profile.gate(metric, shares.unwrap_or_default());
        specs.push(check_gate(&gate_field, gate, default, shares, diagnostics));
        let gate_objective =
            check_objective(&gate_field, metric, gate.objective.as_deref(), diagnostics);
        objective = objective.or(gate_objective);
    }
    GateSection { specs: specs.into_iter().collect(), objective, metrics }
}

fn default_gates(profile: RampProfile, shares: Option<&[f64]>, judges_pairs: bool) -> GateSection {
    let shares = shares.unwrap_or_default();
    // A ramp that was given a judge is not to advance without its verdicts.
    let spec = |metric: Metric| GateSpec {
        is_named: metric == Metric::Preference,
        ..profile.gate(metric, shares)
    };
    let metric_ref = |metric| MetricRef { field: "ramp.gates".to_owned(), metric };
    let of_judge = judges_pairs.then_some(Metric::Preference);
    let metrics = || DEFAULT_METRICS.into_iter().chain(of_judge);
    GateSection {
        specs: Some(metrics().map(spec).collect()),
        objective: None,
        metrics: metrics().map(metric_ref).collect(),
    }
}

fn check_gate(
    field: &str,
    raw: &RawGate,
    default: GateSpec,
    shares: Option<&[f64]>,
    diagnostics: &mut Diagnostics,
) -> Option<GateSpec> {
    let metric = default.metric;
    let margin = check_number(
        &format!("{field}.margin"),
        raw.margin.as_ref(),
        default.margin,
        |margin| (0.0..=MAX_MARGIN).contains(&margin),
        &format!("write the allowed excess over blue, from 0 to {MAX_MARGIN}, such as 0.25"),
        diagnostics,
    );
    // An invalid margin is already reported, and must not make the tolerance invalid too.
    let min_tolerance = margin.unwrap_or_default();
    let tolerance = match &raw.tolerance {
        None => check_default_tolerance(field, min_tolerance, default.tolerance, diagnostics),
        Some(RawTolerance::One(one)) => {
            check_tolerance(field, min_tolerance, std::slice::from_ref(one), shares, diagnostics)
        }
        Some(RawTolerance::Many(many)) => {
            check_tolerance(field, min_tolerance, many, shares, diagnostics)
        }
    };
    let ceiling = match &raw.ceiling {
        None => Some(default.ceiling),
        Some(None) => Some(None),
        Some(Some(ceiling)) => {
            check_ceiling(field, metric, ceiling, tolerance.as_deref(), diagnostics).map(Some)
        }
    };
    Some(GateSpec {
        metric,
        margin: margin?,
        tolerance: tolerance?,
        ceiling: ceiling?,
        is_critical: raw.critical.unwrap_or(true),
        is_named: true,
    })
}

fn check_default_tolerance(
    field: &str,
    margin: f64,
    default: Vec<f64>,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<f64>> {
    let Some(too_small) = default.iter().find(|tolerance| **tolerance <= margin) else {
        return Some(default);
    };
    let fix = format!(
        "the default in one of the steps, {too_small}, is not above the margin, {margin}; write a \
         tolerance"
    );
    diagnostics.push(FieldError::missing(format!("{field}.tolerance"), fix));
    None
}

fn check_tolerance(
    field: &str,
    margin: f64,
    raw: &[Number],
    shares: Option<&[f64]>,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<f64>> {
    let field = format!("{field}.tolerance");
    let max_count = shares.map_or(usize::MAX, <[f64]>::len);
    if raw.is_empty() || raw.len() > max_count {
        let fix = "write one number for all steps, or at most one for each step below 100 percent";
        diagnostics.push(FieldError::new(&field, &json!(raw), fix));
        return None;
    }
    let allowed = |number: &Number| {
        number.as_f64().filter(|tolerance| *tolerance > margin && *tolerance <= MAX_TOLERANCE)
    };
    let tolerance: Option<_> = raw.iter().map(allowed).collect();
    if tolerance.is_none() {
        let fix = format!("write numbers above the margin, {margin}, and at most {MAX_TOLERANCE}");
        diagnostics.push(FieldError::new(&field, &json!(raw), fix));
    }
    tolerance
}

fn check_ceiling(
    field: &str,
    metric: Metric,
    raw: &Number,
    tolerance: Option<&[f64]>,
    diagnostics: &mut Diagnostics,
) -> Option<f64> {
    // Each step allows the ceiling plus its tolerance, and a rate is at most 1.
    let max_tolerance = tolerance.unwrap_or_default().iter().fold(0.0_f64, |max, it| max.max(*it));
    let fix = match raw.as_f64() {
        _ if !metric.has_ceiling() => "only a rate can have a ceiling; remove it",
        Some(ceiling) if ceiling > 0.0 && ceiling < 1.0 => {
            if ceiling * (1.0 + max_tolerance) < 1.0 {
                return Some(ceiling);
            }
            "is not below 1 with the tolerance added; write a lower ceiling, such as 0.01"
        }
        _ => "write an acceptable rate, above 0 and below 1, or null to disable the ceiling",
    };
    diagnostics.push(FieldError::new(format!("{field}.ceiling"), &json!(raw), fix));
    None
}

fn check_objective(
    field: &str,
    metric: Metric,
    raw: Option<&str>,
    diagnostics: &mut Diagnostics,
) -> Option<Duration> {
    let field = format!("{field}.objective");
    match (metric, raw) {
        (Metric::SlowRate, Some(text)) => {
            let objective = parse_duration(text).filter(|objective| !objective.is_zero());
            if objective.is_some() {
                return objective;
            }
            let fix = "write the duration from which a response is slow, such as \"2s\", or remove \
                       the field to learn it from blue";
            diagnostics.push(FieldError::new(field, &json!(text), fix));
        }
        (_, None) => {}
        (_, Some(text)) => {
            let fix = "only slow_rate can have an objective; remove it";
            diagnostics.push(FieldError::new(field, &json!(text), fix));
        }
    }
    None
}
