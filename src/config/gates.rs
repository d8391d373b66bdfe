//! What decides a ramp: its gates.

use std::time::Duration;

use serde_json::{Number, json};

use super::FieldError;
use super::diagnostics::Diagnostics;
use super::ramp_checks::{MetricRefs, metric, number};
use super::raw::ramp::{RawGate, RawTolerance};
use super::time::duration;
use crate::analysis::metric::Comparison;
use crate::analysis::{GateSpec, Metric};

/// The gates that were written.
pub(super) struct GateSection {
    /// What was said of each; `None` where there was a problem.
    pub specs: Option<Vec<GateSpec>>,
    /// The time from which a response is slow, where a gate looks at that.
    pub objective: Option<Duration>,
}

/// What is looked at where the operator names nothing.
const DEFAULT_METRICS: [Metric; 6] = [
    Metric::ErrorRate,
    Metric::ClientErrorRate,
    Metric::RefusalRate,
    Metric::EmptyRate,
    Metric::Duration,
    Metric::Ttft,
];

/// The greatest margin. Green that is eleven times as bad is to be refused by something.
const MAX_MARGIN: f64 = 10.0;

/// The greatest tolerance, some way above the greatest margin.
const MAX_TOLERANCE: f64 = 20.0;

/// The gates of a ramp; `shares` are those of its steps that have a blue, if they are
/// known.
pub(super) fn gates(
    written: Option<Vec<RawGate>>,
    shares: Option<&[f64]>,
    looked_at: &mut MetricRefs,
    problems: &mut Diagnostics,
) -> GateSection {
    let Some(written) = written else {
        looked_at.extend(DEFAULT_METRICS.map(|metric| ("ramp.gates".to_owned(), metric)));
        let terms = DEFAULT_METRICS
            .map(|metric| GateSpec::with_defaults(metric, shares.unwrap_or_default()));
        return GateSection { specs: Some(terms.into()), objective: None };
    };
    if written.is_empty() {
        let mend = "nothing would decide: write at least one gate, or leave the field out for the \
                    gates by default";
        problems.push(FieldError::new("ramp.gates", &json!([]), mend));
        return GateSection { specs: None, objective: None };
    }
    if written.iter().all(|gate| gate.critical == Some(false)) {
        let mend = "no gate is critical, so nothing would decide: let one of them be";
        problems.push(FieldError::new("ramp.gates[0].critical", &json!(false), mend));
    }
    let mut objective = None;
    let mut terms = Vec::new();
    for (at, gate) in written.iter().enumerate() {
        let field = format!("ramp.gates[{at}]");
        let name = format!("{field}.metric");
        let Some(metric) = metric(&name, gate.metric.as_deref(), problems) else {
            terms.push(None);
            continue;
        };
        if looked_at.iter().any(|(_, other)| *other == metric) {
            problems.push(FieldError::new(&name, &json!(metric), "has a gate already; keep one"));
        }
        looked_at.push((name, metric));
        terms.push(gate_specs(&field, metric, gate, shares, problems));
        let of_gate = slow_objective(&field, metric, gate.objective.as_deref(), problems);
        objective = objective.or(of_gate);
    }
    GateSection { specs: terms.into_iter().collect(), objective }
}

fn gate_specs(
    field: &str,
    metric: Metric,
    written: &RawGate,
    shares: Option<&[f64]>,
    problems: &mut Diagnostics,
) -> Option<GateSpec> {
    let default = GateSpec::with_defaults(metric, shares.unwrap_or_default());
    let margin = number(
        &format!("{field}.margin"),
        written.margin.as_ref(),
        default.margin,
        |margin| (0.0..=MAX_MARGIN).contains(&margin),
        &format!("write by how much green may be worse, from 0 to {MAX_MARGIN}, such as 0.25"),
        problems,
    );
    // What it is to be above.
    let margin_for_tolerance = margin.unwrap_or_default();
    let tolerance = match &written.tolerance {
        None => default_tolerance(field, margin_for_tolerance, default.tolerance, problems),
        Some(RawTolerance::One(one)) => {
            tolerance(field, margin_for_tolerance, std::slice::from_ref(one), shares, problems)
        }
        Some(RawTolerance::Many(many)) => {
            tolerance(field, margin_for_tolerance, many, shares, problems)
        }
    };
    let ceiling = match &written.ceiling {
        None => Some(default.ceiling),
        Some(None) => Some(None),
        Some(Some(written)) => {
            ceiling(field, metric, written, tolerance.as_deref(), problems).map(Some)
        }
    };
    Some(GateSpec {
        metric,
        margin: margin?,
        tolerance: tolerance?,
        ceiling: ceiling?,
        is_critical: written.critical.unwrap_or(true),
        is_named: true,
    })
}

fn default_tolerance(
    field: &str,
    margin: f64,
    default: Vec<f64>,
    problems: &mut Diagnostics,
) -> Option<Vec<f64>> {
    let Some(small) = default.iter().find(|tolerance| **tolerance <= margin) else {
        return Some(default);
    };
    let mend = format!(
        "by default {small} in one of the steps, which is not above the margin, {margin}: write it"
    );
    problems.push(FieldError::missing(format!("{field}.tolerance"), mend));
    None
}

fn tolerance(
    field: &str,
    margin: f64,
    written: &[Number],
    shares: Option<&[f64]>,
    problems: &mut Diagnostics,
) -> Option<Vec<f64>> {
    let field = format!("{field}.tolerance");
    let most = shares.map_or(usize::MAX, <[f64]>::len);
    if written.is_empty() || written.len() > most {
        let mend = "write one number for all steps, or at most one for each step below 100 percent";
        problems.push(FieldError::new(&field, &json!(written), mend));
        return None;
    }
    let allowed = |number: &Number| {
        number.as_f64().filter(|tolerance| *tolerance > margin && *tolerance <= MAX_TOLERANCE)
    };
    let tolerance: Option<_> = written.iter().map(allowed).collect();
    if tolerance.is_none() {
        let mend = format!("write numbers above the margin, {margin}, and at most {MAX_TOLERANCE}");
        problems.push(FieldError::new(&field, &json!(written), mend));
    }
    tolerance
}

fn ceiling(
    field: &str,
    metric: Metric,
    written: &Number,
    tolerance: Option<&[f64]>,
    problems: &mut Diagnostics,
) -> Option<f64> {
    // In each step the tolerance comes on top, and no rate is above 1.
    let most = tolerance.unwrap_or_default().iter().fold(0.0_f64, |most, it| most.max(*it));
    let mend = match written.as_f64() {
        _ if metric.comparison() != Comparison::Rate => "only a rate has a ceiling: remove it",
        Some(ceiling) if ceiling > 0.0 && ceiling < 1.0 => {
            if ceiling * (1.0 + most) < 1.0 {
                return Some(ceiling);
            }
            "with the tolerance on top it is not below 1: write a lower one, such as 0.01"
        }
        _ => "write a rate that nobody minds, above 0 and below 1, or null for none",
    };
    problems.push(FieldError::new(format!("{field}.ceiling"), &json!(written), mend));
    None
}

fn slow_objective(
    field: &str,
    metric: Metric,
    written: Option<&str>,
    problems: &mut Diagnostics,
) -> Option<Duration> {
    let field = format!("{field}.objective");
    let rule = "write the time from which a response is slow, such as \"2s\"";
    match (metric, written) {
        (Metric::SlowRate, None) => problems.push(FieldError::missing(field, rule)),
        (Metric::SlowRate, Some(text)) => {
            let objective = duration(text).filter(|objective| !objective.is_zero());
            if objective.is_some() {
                return objective;
            }
            problems.push(FieldError::new(field, &json!(text), rule));
        }
        (_, None) => {}
        (_, Some(text)) => {
            let mend = "only slow_rate has an objective: remove it";
            problems.push(FieldError::new(field, &json!(text), mend));
        }
    }
    None
}
