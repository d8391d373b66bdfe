//! Display names of metrics, phases and hold reasons.

/// How a metric is shown.
pub struct MetricLabel<'a> {
    /// The metric's display name.
    pub name: &'a str,
    /// What a worse version had, as in "green had more errors".
    pub worse: &'a str,
    /// What happened to a unit that counts in a rate, as in "3 of 410 users hit an error"; empty
    /// for a metric of values.
    pub event: &'a str,
    /// The units to which that happened, as in "With an error"; empty for a metric of values.
    pub with_event: &'a str,
}

/// The label of a quantile.
macro_rules! quantile {
    ($time:literal, $nth:literal) => {
        (
            concat!($time, ", ", $nth, " percentile"),
            concat!("more answers beyond blue’s ", $nth, " percentile"),
            concat!("had an answer beyond blue’s ", $nth, " percentile"),
            concat!("Beyond blue’s ", $nth, " percentile"),
        )
    };
}

/// The label of a metric by its name in `/state.json`; an unknown name is its own label.
pub fn metric(name: &str) -> MetricLabel<'_> {
    let (name, worse, event, with_event) = match name {
        "error_rate" => ("Errors", "more errors", "hit an error", "With an error"),
        "client_error_rate" => (
            "Rejected requests (4xx)",
            "more requests rejected with a 4xx",
            "had a request rejected",
            "With a rejected request",
        ),
        "empty_rate" => {
            ("Empty answers", "more empty answers", "got an empty answer", "With an empty answer")
        }
        "refusal_rate" => ("Refusals", "more refusals", "got a refusal", "With a refusal"),
        "truncation_rate" => (
            "Truncated answers",
            "more truncated answers",
            "got a truncated answer",
            "With a truncated answer",
        ),
        "abort_rate" => (
            "Client aborts",
            "more requests aborted by clients",
            "aborted a request",
            "With an aborted request",
        ),
        "slow_rate" => {
            ("Slow answers", "more slow answers", "got a slow answer", "With a slow answer")
        }
        "thumbs_down_rate" => {
            ("Thumbs down", "more thumbs down", "gave a thumbs down", "With a thumbs down")
        }
        "duration" => ("Latency", "slower answers", "", ""),
        "ttft" => ("Time to first token", "a later first token", "", ""),
        "output_tokens" => ("Output tokens", "answers of a different length", "", ""),
        "cost" => ("Cost per answer", "more expensive answers", "", ""),
        "preference" => (
            "Preference of the judge",
            "answers that the judge likes less",
            "got an answer that the judge likes less",
            "With an answer that the judge likes less",
        ),
        "score" => ("Score", "lower scores", "", ""),
        "duration_p90" => quantile!("Latency", "90th"),
        "duration_p95" => quantile!("Latency", "95th"),
        "duration_p99" => quantile!("Latency", "99th"),
        "ttft_p90" => quantile!("Time to first token", "90th"),
        "ttft_p95" => quantile!("Time to first token", "95th"),
        "ttft_p99" => quantile!("Time to first token", "99th"),
        _ => (name, name, name, name),
    };
    MetricLabel { name, worse, event, with_event }
}

/// The label of a phase by its name in `/state.json`.
pub fn phase(name: &str) -> &str {
    match name {
        "rolled_back" => "rolled back",
        "by_hand" => "manual",
        _ => name,
    }
}

/// What the next decision waits for, by its name in `/state.json`.
pub fn wait(name: &str) -> &str {
    match name {
        "nothing" => "No decision is left: the ramp has reached its end",
        "bake" => "The step’s bake time",
        "evidence" => "Evidence that green is safe",
        "data" => "Responses of both versions",
        "unread" => "Comparable answers of both versions",
        "incident" => "The end of an incident that affects both versions",
        "division" => "A split of users that matches the weights",
        "approval" => "Approval by an operator",
        "resume" => "The end of the pause",
        "state_lost" => "A restart of the ramp, whose state was lost",
        "restart" => "A configuration change",
        "baseline" => "What users are answered on blue, before the first step",
        "pairs" => "Pairs of responses that show that green is safe",
        _ => name,
    }
}
