//! Suggestions for errors whose message from the parser has none.

use crate::analysis::Metric;
use crate::config::FieldError;
use crate::config::nearest::nearest;

/// Names of metrics in other tools, and the name here.
const METRICS: [(&[&str], &str); 9] = [
    (
        &["latency", "response_time", "request_duration", "time", "total_time", "e2e_latency"],
        "duration",
    ),
    (
        &[
            "errors",
            "error",
            "failures",
            "failure_rate",
            "5xx",
            "5xx_rate",
            "http_5xx",
            "availability",
        ],
        "error_rate",
    ),
    (&["success_rate", "success"], "error_rate, which is the opposite"),
    (&["time_to_first_token", "first_token", "ttfb"], "ttft"),
    (&["refusals", "refused", "content_filter"], "refusal_rate"),
    (&["truncations", "truncated", "max_tokens"], "truncation_rate"),
    (&["aborts", "aborted", "cancellations", "cancelled", "client_aborts"], "abort_rate"),
    (&["tokens", "completion_tokens", "tokens_output"], "output_tokens"),
    (&["thumbs_down", "dislikes", "downvotes", "feedback"], "thumbs_down_rate"),
];

/// Adds a suggestion to an error.
pub fn add(error: &mut FieldError) {
    let given = error.value.trim_matches('"');
    if error.field.ends_with(".metric")
        // A known metric may be rejected for another reason.
        && Metric::ALL.iter().all(|it| it.as_str() != given)
        && let Some(suggested) = metric(given)
    {
        error.fix = format!("did you mean {suggested}? {}", error.fix);
    }
}

fn metric(given: &str) -> Option<String> {
    let name = given.to_ascii_lowercase().replace(['-', ' '], "_");
    let is_percentile = |it: &&str| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit());
    let percentile = |it: &'_ str| it.strip_prefix('p').filter(is_percentile).map(str::to_owned);
    if let Some(percentile) = name.split('_').find_map(percentile) {
        return Some(match percentile.as_str() {
            "90" | "95" | "99" => format!("duration_p{percentile} or ttft_p{percentile}"),
            _ => "duration_p90, duration_p95 or duration_p99".to_owned(),
        });
    }
    let by_alias = METRICS.iter().find(|(names, _)| names.contains(&name.as_str()));
    let by_alias = by_alias.map(|(_, suggested)| *suggested);
    by_alias.or_else(|| nearest(&name, &Metric::ALL.map(Metric::as_str))).map(str::to_owned)
}
