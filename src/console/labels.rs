//! Display names of metrics, phases and hold reasons.

/// How a metric is shown.
pub struct MetricLabel<'a> {
    /// The metric's display name.
    pub name: &'a str,
    /// What a worse version had, as in "green had more errors".
    pub worse: &'a str,
}

/// The label of a metric by its name in `/state.json`; an unknown name is its own label.
pub fn metric(name: &str) -> MetricLabel<'_> {
    let (name, worse) = match name {
        "error_rate" => ("Errors", "more errors"),
        "client_error_rate" => ("Rejected requests (4xx)", "more requests rejected with a 4xx"),
        "empty_rate" => ("Empty answers", "more empty answers"),
        "refusal_rate" => ("Refusals", "more refusals"),
        "truncation_rate" => ("Truncated answers", "more truncated answers"),
        "abort_rate" => ("Client aborts", "more requests aborted by clients"),
        "slow_rate" => ("Slow answers", "more slow answers"),
        "thumbs_down_rate" => ("Thumbs down", "more thumbs down"),
        "duration" => ("Latency", "slower answers"),
        "ttft" => ("Time to first token", "a later first token"),
        "output_tokens" => ("Output tokens", "answers of a different length"),
        "cost" => ("Cost per answer", "more expensive answers"),
        "score" => ("Score", "lower scores"),
        _ => (name, name),
    };
    MetricLabel { name, worse }
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
        _ => name,
    }
}
