//! What rolls a ramp back at once: its tripwires.

use serde_json::{Number, json};

use super::FieldError;
use super::diagnostics::Diagnostics;
use super::ramp_checks::{MetricRefs, metric};
use super::raw::ramp::{RawLimit, RawTripwire};
use super::time::duration;
use crate::analysis::metric::Comparison;
use crate::analysis::tripwire::MAX_MIN_UNITS;
use crate::analysis::{Metric, Tripwire};
use crate::rollout::RampSpec;

/// What trips where the operator writes no tripwires, each from half of the responses on, in
/// each of these windows: of a service with few users the short one has too few responses.
const DEFAULT_METRICS: [Metric; 3] =
    [Metric::ErrorRate, Metric::ClientErrorRate, Metric::EmptyRate];

const WINDOWS_S: [u64; 2] = [WINDOW_S, MAX_WINDOW_S];

/// The default tripwire on a rate.
fn default_tripwire((metric, window_s): (Metric, u64)) -> Tripwire {
    Tripwire {
        metric,
        limit: 0.5,
        min_samples: MIN_SAMPLES,
        min_units: MIN_UNITS,
        window_s,
        is_absolute: false,
    }
}

const MIN_SAMPLES: u64 = 20;
const MIN_UNITS: usize = 2;
const WINDOW_S: u64 = 30;

/// The longest window, in seconds.
const MAX_WINDOW_S: u64 = 600;

/// The tripwires of a ramp; `looked_at` has what its gates look at. Where bodies are not
/// read, the tripwires by default leave out what only a body tells.
pub(super) fn tripwires(
    written: Option<Vec<RawTripwire>>,
    reads_bodies: bool,
    looked_at: &mut MetricRefs,
    problems: &mut Diagnostics,
) -> Option<Vec<Tripwire>> {
    let Some(written) = written else {
        let is_told = |metric: &Metric| reads_bodies || !RampSpec::is_from_body(*metric);
        let metrics = || DEFAULT_METRICS.into_iter().filter(is_told);
        let wires = WINDOWS_S.into_iter().flat_map(|window| metrics().map(move |it| (it, window)));
        return Some(wires.map(default_tripwire).collect());
    };
    let has_objective = looked_at.iter().any(|(_, metric)| *metric == Metric::SlowRate);
    let mut tripwires = Vec::new();
    for (at, tripwire) in written.iter().enumerate() {
        let field = format!("ramp.tripwires[{at}]");
        let name = format!("{field}.metric");
        let metric = metric(&name, tripwire.metric.as_deref(), problems);
        if metric == Some(Metric::SlowRate) && !has_objective {
            let mend = "nothing says what is slow: write a gate on slow_rate with an objective";
            problems.push(FieldError::new(&name, &json!(metric), mend));
        }
        looked_at.extend(metric.map(|metric| (name, metric)));
        let limit = metric.map(|it| limit(&field, it, tripwire.limit.as_ref(), problems));
        let min_samples = min_samples(&field, tripwire.minimum.as_ref(), problems);
        let min_units = min_units(&field, tripwire, problems);
        let window_s = window_s(&field, tripwire.window.as_deref(), problems);
        let is_absolute = tripwire.absolute;
        let valid = || {
            Some(Tripwire {
                metric: metric?,
                limit: limit.flatten()?,
                min_samples: min_samples?,
                min_units: min_units?,
                window_s: window_s?,
                is_absolute,
            })
        };
        tripwires.push(valid());
    }
    tripwires.into_iter().collect()
}

/// The limit, in the unit in which the metric is told.
fn limit(
    field: &str,
    metric: Metric,
    written: Option<&RawLimit>,
    problems: &mut Diagnostics,
) -> Option<f64> {
    let is_time = matches!(metric, Metric::Duration | Metric::Ttft);
    let is_share = matches!(metric.comparison(), Comparison::Rate | Comparison::Share);
    let below = if is_share || metric == Metric::Score { 1.0 } else { f64::INFINITY };
    let limit = match written {
        Some(RawLimit::Text(text)) if is_time => {
            duration(text).map(|duration| duration.as_millis() as f64)
        }
        Some(RawLimit::Number(number)) if !is_time => number.as_f64(),
        _ => None,
    };
    let limit = limit.filter(|limit| *limit > 0.0 && *limit < below);
    if limit.is_none() {
        let rule = match metric {
            Metric::Duration | Metric::Ttft => "write a time, above 0, such as \"30s\"",
            Metric::Cost => "write US dollars, above 0, such as 0.05",
            Metric::OutputTokens => "write a number of tokens, above 0, such as 4000",
            Metric::Score => "write a score, above 0 and below 1, such as 0.5",
            Metric::ThumbsDownRate => {
                "write a share of green's thumbs, above 0 and below 1, such as 0.5"
            }
            _ => "write a share of green's responses, above 0 and below 1, such as 0.5",
        };
        let field = format!("{field}.limit");
        problems.push(match written {
            None => FieldError::missing(field, rule),
            Some(RawLimit::Number(number)) => FieldError::new(field, &json!(number), rule),
            Some(RawLimit::Text(text)) => FieldError::new(field, &json!(text), rule),
        });
    }
    limit
}

fn min_samples(field: &str, written: Option<&Number>, problems: &mut Diagnostics) -> Option<u64> {
    let Some(number) = written else { return Some(MIN_SAMPLES) };
    let least = number.as_u64().filter(|least| *least > 0);
    if least.is_none() {
        let mend = "write how many of green's responses it takes, at least 1, such as 20";
        problems.push(FieldError::new(format!("{field}.minimum"), &json!(number), mend));
    }
    least
}

fn min_units(field: &str, written: &RawTripwire, problems: &mut Diagnostics) -> Option<usize> {
    let Some(number) = &written.minimum_units else {
        return Some(if written.absolute { 1 } else { MIN_UNITS });
    };
    let units = number.as_u64().and_then(|units| usize::try_from(units).ok());
    let units = units.filter(|units| (1..=MAX_MIN_UNITS).contains(units));
    if units.is_none() {
        let mend = format!(
            "write how many different units with a bad response it takes, from 1 to {MAX_MIN_UNITS}"
        );
        problems.push(FieldError::new(format!("{field}.minimum_units"), &json!(number), mend));
    }
    units
}

fn window_s(field: &str, written: Option<&str>, problems: &mut Diagnostics) -> Option<u64> {
    let Some(text) = written else { return Some(WINDOW_S) };
    let whole = duration(text).filter(|window| window.subsec_nanos() == 0);
    let seconds = whole.map(|window| window.as_secs());
    let seconds = seconds.filter(|seconds| (1..=MAX_WINDOW_S).contains(seconds));
    if seconds.is_none() {
        let mend = "write whole seconds, from \"1s\" to \"10m\"";
        problems.push(FieldError::new(format!("{field}.window"), &json!(text), mend));
    }
    seconds
}
