//! The tripwires of a ramp.

use serde_json::{Number, json};

use super::FieldError;
use super::diagnostics::Diagnostics;
use super::ramp_checks::{MetricRef, check_metric};
use super::raw::ramp::{RawLimit, RawTripwire};
use super::raw::reader::{number_from_text, ratio_from_text};
use super::time::parse_duration;
use crate::analysis::metric::Comparison;
use crate::analysis::tripwire::MAX_MIN_UNITS;
use crate::analysis::{Metric, Tripwire};
use crate::json::whole_number;
use crate::rollout::RampSpec;

/// The metrics of the default tripwires.
const DEFAULT_METRICS: [Metric; 3] =
    [Metric::ErrorRate, Metric::ClientErrorRate, Metric::EmptyRate];

/// The windows of the default tripwires, in seconds. With few users, the short window has too few
/// responses.
const DEFAULT_WINDOWS_S: [u64; 2] = [WINDOW_S, MAX_WINDOW_S];

const DEFAULT_LIMIT: f64 = 0.5;

const MIN_SAMPLES: u64 = 20;
const MIN_UNITS: usize = 2;
const WINDOW_S: u64 = 30;

const MAX_WINDOW_S: u64 = 600;

/// Checks the tripwires. Adds their metrics to `metrics`, which has those of the gates. If
/// bodies are not read, there are no default tripwires on metrics that require it.
pub(super) fn check_tripwires(
    raw: Option<Vec<RawTripwire>>,
    reads_bodies: bool,
    metrics: &mut Vec<MetricRef>,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<Tripwire>> {
    let Some(raw) = raw else { return Some(default_tripwires(reads_bodies)) };
    let has_slow_gate = metrics.iter().any(|it| it.metric == Metric::SlowRate);
    let mut tripwires = Vec::new();
    for (index, raw_tripwire) in raw.iter().enumerate() {
        let field = format!("ramp.tripwires[{index}]");
        let metric = check_tripwire_metric(&field, raw_tripwire, has_slow_gate, diagnostics);
        metrics.extend(metric.map(|metric| MetricRef { field: format!("{field}.metric"), metric }));
        tripwires.push(check_tripwire(&field, metric, raw_tripwire, diagnostics));
    }
    tripwires.into_iter().collect()
}

fn default_tripwires(reads_bodies: bool) -> Vec<Tripwire> {
    let is_measured = |metric: &Metric| reads_bodies || !RampSpec::is_from_body(*metric);
    let metrics = || DEFAULT_METRICS.into_iter().filter(is_measured);
    let tripwire = |metric, window_s| Tripwire {
        metric,
        limit: DEFAULT_LIMIT,
        min_samples: MIN_SAMPLES,
        min_units: MIN_UNITS,
        window_s,
        is_absolute: false,
    };
    let in_window = |window_s| metrics().map(move |metric| tripwire(metric, window_s));
    DEFAULT_WINDOWS_S.into_iter().flat_map(in_window).collect()
}

fn check_tripwire_metric(
    field: &str,
    raw: &RawTripwire,
    has_slow_gate: bool,
    diagnostics: &mut Diagnostics,
) -> Option<Metric> {
    let field = format!("{field}.metric");
    let metric = check_metric(&field, raw.metric.as_deref(), diagnostics);
    let fix = match metric {
        Some(Metric::SlowRate) if !has_slow_gate => {
            "slow_rate requires an objective; add a gate on slow_rate"
        }
        Some(metric) if metric.quantile().is_some() => {
            "only a gate can compare a quantile; write duration or ttft, or slow_rate"
        }
        Some(Metric::Preference) => "only a gate can compare preference; write another metric",
        metric => return metric,
    };
    diagnostics.push(FieldError::new(field, &json!(metric), fix));
    None
}

fn check_tripwire(
    field: &str,
    metric: Option<Metric>,
    raw: &RawTripwire,
    diagnostics: &mut Diagnostics,
) -> Option<Tripwire> {
    let limit = metric.map(|metric| check_limit(field, metric, raw.limit.as_ref(), diagnostics));
    let min_samples = check_min_samples(field, raw.minimum.as_ref(), diagnostics);
    let min_units = check_min_units(field, raw, diagnostics);
    let window_s = check_window_s(field, raw.window.as_deref(), diagnostics);
    Some(Tripwire {
        metric: metric?,
        limit: limit.flatten()?,
        min_samples: min_samples?,
        min_units: min_units?,
        window_s: window_s?,
        is_absolute: raw.absolute,
    })
}

/// The limit in the metric's unit; durations are in milliseconds.
fn check_limit(
    field: &str,
    metric: Metric,
    raw: Option<&RawLimit>,
    diagnostics: &mut Diagnostics,
) -> Option<f64> {
    let is_duration = matches!(metric, Metric::Duration | Metric::Ttft);
    let is_share = matches!(metric.comparison(), Comparison::Rate | Comparison::Share);
    let below = if is_share || metric == Metric::Score { 1.0 } else { f64::INFINITY };
    let limit = match raw {
        Some(RawLimit::Text(text)) if is_duration => {
            parse_duration(text).map(|duration| duration.as_millis() as f64)
        }
        Some(RawLimit::Number(number)) if !is_duration => number.as_f64(),
        Some(RawLimit::Text(text)) if below == 1.0 => {
            ratio_from_text(text).and_then(|it| it.as_f64())
        }
        Some(RawLimit::Text(text)) => number_from_text(text).and_then(|it| it.as_f64()),
        _ => None,
    };
    let limit = limit.filter(|limit| *limit > 0.0 && *limit < below);
    if limit.is_none() {
        let field = format!("{field}.limit");
        let rule = limit_rule(metric);
        diagnostics.push(match raw {
            None => FieldError::missing(field, rule),
            Some(RawLimit::Number(number)) => FieldError::new(field, &json!(number), rule),
            Some(RawLimit::Text(text)) => FieldError::new(field, &json!(text), rule),
        });
    }
    limit
}

fn limit_rule(metric: Metric) -> &'static str {
    match metric {
        Metric::Duration | Metric::Ttft => "write a duration above 0, such as \"30s\"",
        Metric::Cost => "write US dollars above 0, such as 0.05",
        Metric::OutputTokens => "write a number of tokens above 0, such as 4000",
        Metric::Score => "write a score, above 0 and below 1, such as 0.5",
        Metric::ThumbsDownRate => {
            "write a share of green's thumbs, above 0 and below 1, such as 0.5"
        }
        _ => "write a share of green's responses, above 0 and below 1, such as 0.5",
    }
}

fn check_min_samples(
    field: &str,
    raw: Option<&Number>,
    diagnostics: &mut Diagnostics,
) -> Option<u64> {
    let Some(number) = raw else { return Some(MIN_SAMPLES) };
    let min_samples = whole_number(number).filter(|samples| *samples > 0);
    if min_samples.is_none() {
        let fix = "write the minimum number of green's responses, at least 1, such as 20";
        diagnostics.push(FieldError::new(format!("{field}.minimum"), &json!(number), fix));
    }
    min_samples
}

fn check_min_units(field: &str, raw: &RawTripwire, diagnostics: &mut Diagnostics) -> Option<usize> {
    let Some(number) = &raw.minimum_units else {
        return Some(MIN_UNITS);
    };
    let units = whole_number(number).and_then(|units| usize::try_from(units).ok());
    let min_units = units.filter(|units| (1..=MAX_MIN_UNITS).contains(units));
    if min_units.is_none() {
        let fix = format!(
            "write the minimum number of different units with a bad response, from 1 to \
             {MAX_MIN_UNITS}"
        );
        diagnostics.push(FieldError::new(format!("{field}.minimum_units"), &json!(number), fix));
    }
    min_units
}

fn check_window_s(field: &str, raw: Option<&str>, diagnostics: &mut Diagnostics) -> Option<u64> {
    let Some(text) = raw else { return Some(WINDOW_S) };
    let whole_seconds = parse_duration(text).filter(|window| window.subsec_nanos() == 0);
    let window_s = whole_seconds
        .map(|window| window.as_secs())
        .filter(|window_s| (1..=MAX_WINDOW_S).contains(window_s));
    if window_s.is_none() {
        let fix = "write whole seconds, from \"1s\" to \"10m\"";
        diagnostics.push(FieldError::new(format!("{field}.window"), &json!(text), fix));
    }
    window_s
}
