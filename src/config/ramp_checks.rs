//! Checks of values that the ramp, its gates and its tripwires have.

use serde_json::{Number, json};

use super::FieldError;
use super::diagnostics::Diagnostics;
use crate::analysis::Metric;

/// What a gate or tripwire looks at, and the field that says so.
pub(super) type MetricRefs = Vec<(String, Metric)>;

/// A number that is allowed, or the default.
pub(super) fn number(
    field: &str,
    written: Option<&Number>,
    default: f64,
    is_allowed: impl FnOnce(f64) -> bool,
    mend: &str,
    problems: &mut Diagnostics,
) -> Option<f64> {
    let Some(written) = written else { return Some(default) };
    let allowed = written.as_f64().filter(|number| is_allowed(*number));
    if allowed.is_none() {
        problems.push(FieldError::new(field, &json!(written), mend));
    }
    allowed
}

/// The metric that a gate or tripwire names, if it can be looked at.
pub(super) fn metric(
    field: &str,
    written: Option<&str>,
    problems: &mut Diagnostics,
) -> Option<Metric> {
    let known = || Metric::ALL.map(Metric::as_str).join(", ");
    let Some(name) = written else {
        problems.push(FieldError::missing(field, format!("write one of {}", known())));
        return None;
    };
    let metric = Metric::from_name(name);
    if metric.is_none() {
        problems.push(FieldError::new(field, &json!(name), format!("write one of {}", known())));
    }
    metric
}
