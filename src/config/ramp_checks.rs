//! Checks that the ramp, its gates and its tripwires share.

use serde_json::{Number, json};

use super::FieldError;
use super::diagnostics::Diagnostics;
use crate::analysis::Metric;

/// A metric that a gate or tripwire uses.
pub(super) struct MetricRef {
    /// The field that names it.
    pub field: String,
    pub metric: Metric,
}

/// Checks a number, or returns the default if it is absent.
pub(super) fn check_number(
    field: &str,
    raw: Option<&Number>,
    default: f64,
    is_allowed: impl FnOnce(f64) -> bool,
    fix: &str,
    diagnostics: &mut Diagnostics,
) -> Option<f64> {
    let Some(raw) = raw else { return Some(default) };
    let number = raw.as_f64().filter(|number| is_allowed(*number));
    if number.is_none() {
        diagnostics.push(FieldError::new(field, &json!(raw), fix));
    }
    number
}

/// Checks the name of a metric.
pub(super) fn check_metric(
    field: &str,
    raw: Option<&str>,
    diagnostics: &mut Diagnostics,
) -> Option<Metric> {
    let metric = raw.and_then(Metric::from_name);
    if metric.is_none() {
        let fix = format!("write one of {}", Metric::ALL.map(Metric::as_str).join(", "));
        diagnostics.push(match raw {
            None => FieldError::missing(field, fix),
            Some(name) => FieldError::new(field, &json!(name), fix),
        });
    }
    metric
}
