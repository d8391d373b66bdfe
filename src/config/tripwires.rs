//! What rolls a ramp back at once: its tripwires.

use serde_json::{Number, json};

use super::Problem;
use super::problems::Problems;
use super::ramp::{LookedAt, metric};
use super::time::duration;
use super::written_ramp::{WrittenLimit, WrittenTripwire};
use crate::judge::metric::Comparison;
use crate::judge::{Metric, Tripwire};

/// What trips where the operator says nothing: half of the responses fail.
const BY_DEFAULT: Tripwire =
    Tripwire { metric: Metric::ErrorRate, limit: 0.5, least: LEAST, window_s: WINDOW_S };

const LEAST: u64 = 20;
const WINDOW_S: u64 = 30;

/// The longest window, in seconds.
const MAX_WINDOW_S: u64 = 600;

/// The tripwires of a ramp; `looked_at` has what its gates look at.
pub(super) fn tripwires(
    written: Option<Vec<WrittenTripwire>>,
    looked_at: &mut LookedAt,
    problems: &mut Problems,
) -> Option<Vec<Tripwire>> {
    let Some(written) = written else { return Some(vec![BY_DEFAULT]) };
    let has_objective = looked_at.iter().any(|(_, metric)| *metric == Metric::SlowRate);
    let mut tripwires = Vec::new();
    for (at, tripwire) in written.iter().enumerate() {
        let field = format!("ramp.tripwires[{at}]");
        let name = format!("{field}.metric");
        let metric = metric(&name, tripwire.metric.as_deref(), problems);
        if metric == Some(Metric::SlowRate) && !has_objective {
            let mend = "nothing says what is slow: write a gate on slow_rate with an objective";
            problems.note(Problem::new(&name, &json!(metric), mend));
        }
        looked_at.extend(metric.map(|metric| (name, metric)));
        let limit = metric.map(|it| limit(&field, it, tripwire.limit.as_ref(), problems));
        let least = least(&field, tripwire.minimum.as_ref(), problems);
        let window_s = window_s(&field, tripwire.window.as_deref(), problems);
        tripwires.push((metric, limit.flatten(), least, window_s));
    }
    let valid = |(metric, limit, least, window_s): (Option<_>, Option<_>, Option<_>, Option<_>)| {
        Some(Tripwire { metric: metric?, limit: limit?, least: least?, window_s: window_s? })
    };
    tripwires.into_iter().map(valid).collect()
}

/// The limit, in the unit in which the metric is told.
fn limit(
    field: &str,
    metric: Metric,
    written: Option<&WrittenLimit>,
    problems: &mut Problems,
) -> Option<f64> {
    let is_time = matches!(metric, Metric::Duration | Metric::Ttft);
    let is_share = matches!(metric.comparison(), Comparison::Rate | Comparison::Share);
    let below = if is_share || metric == Metric::Score { 1.0 } else { f64::INFINITY };
    let limit = match written {
        Some(WrittenLimit::Text(text)) if is_time => {
            duration(text).map(|duration| duration.as_millis() as f64)
        }
        Some(WrittenLimit::Number(number)) if !is_time => number.as_f64(),
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
        problems.note(match written {
            None => Problem::missing(field, rule),
            Some(WrittenLimit::Number(number)) => Problem::new(field, &json!(number), rule),
            Some(WrittenLimit::Text(text)) => Problem::new(field, &json!(text), rule),
        });
    }
    limit
}

fn least(field: &str, written: Option<&Number>, problems: &mut Problems) -> Option<u64> {
    let Some(number) = written else { return Some(LEAST) };
    let least = number.as_u64().filter(|least| *least > 0);
    if least.is_none() {
        let mend = "write how many of green's responses it takes, at least 1, such as 20";
        problems.note(Problem::new(format!("{field}.minimum"), &json!(number), mend));
    }
    least
}

fn window_s(field: &str, written: Option<&str>, problems: &mut Problems) -> Option<u64> {
    let Some(text) = written else { return Some(WINDOW_S) };
    let whole = duration(text).filter(|window| window.subsec_nanos() == 0);
    let seconds = whole.map(|window| window.as_secs());
    let seconds = seconds.filter(|seconds| (1..=MAX_WINDOW_S).contains(seconds));
    if seconds.is_none() {
        let mend = "write whole seconds, from \"1s\" to \"10m\"";
        problems.note(Problem::new(format!("{field}.window"), &json!(text), mend));
    }
    seconds
}
