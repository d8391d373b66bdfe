//! What the operator probably meant, where the parser's own message does not say.

use crate::analysis::Metric;
use crate::config::FieldError;
use crate::config::nearest::nearest;

/// What people call metrics elsewhere, and the name here.
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

/// Adds to a problem what was probably meant.
pub fn add(problem: &mut FieldError) {
    let written = problem.value.trim_matches('"');
    if problem.field.ends_with(".metric")
        && let Some(meant) = metric(written)
    {
        problem.fix = format!("did you mean {meant}? {}", problem.fix);
    }
    if problem.fix.starts_with("trailing comma") {
        problem.fix = "trailing comma: remove it; JSON allows none before } or ]".to_owned();
    }
}

fn metric(written: &str) -> Option<String> {
    let name = written.to_ascii_lowercase().replace(['-', ' '], "_");
    let is_percentile = |it: &str| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit());
    if name.split('_').any(|it| it.strip_prefix('p').is_some_and(is_percentile)) {
        let why = "duration, which compares all times by rank, or slow_rate, the share above an objective";
        return Some(why.to_owned());
    }
    let by_alias = METRICS.iter().find(|(names, _)| names.contains(&name.as_str()));
    let meant = by_alias.map(|(_, meant)| *meant);
    meant.or_else(|| nearest(&name, &Metric::ALL.map(Metric::as_str))).map(str::to_owned)
}

/// Takes the place in the JSON text out of a problem: the line there, counted from 1.
pub fn take_line(problem: &mut FieldError) -> Option<usize> {
    let (before, place) = problem.fix.rsplit_once(" at line ")?;
    let (line, rest) = place.split_once(" column ")?;
    let line = line.parse().ok()?;
    let rest = rest.trim_start_matches(|it: char| it.is_ascii_digit());
    problem.fix = format!("{before}{rest}");
    Some(line)
}
