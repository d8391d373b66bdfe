//! What people call metrics and phases.

/// What a metric is, and what a worse one is like, as in "green had …".
pub fn metric(name: &str) -> (&str, &str) {
    match name {
        "error_rate" => ("Errors", "more errors"),
        "client_error_rate" => ("Rejected requests (4xx)", "more requests rejected with a 4xx"),
        "empty_rate" => ("Empty answers", "more empty answers"),
        "refusal_rate" => ("Refusals", "more refusals"),
        "truncation_rate" => ("Truncated answers", "more truncated answers"),
        "abort_rate" => ("Given up by users", "more requests that users gave up"),
        "slow_rate" => ("Slow answers", "more slow answers"),
        "thumbs_down_rate" => ("Thumbs down", "more thumbs down"),
        "duration" => ("Time to the end", "slower answers"),
        "ttft" => ("Time to first token", "a later first token"),
        "output_tokens" => ("Output tokens", "another length of answers"),
        "cost" => ("Cost of an answer", "dearer answers"),
        "score" => ("Score", "lower scores"),
        _ => (name, name),
    }
}

/// A phase.
pub fn phase(name: &str) -> &str {
    match name {
        "rolled_back" => "rolled back",
        "by_hand" => "by hand",
        _ => name,
    }
}

/// What the next decision waits for.
pub fn wait(name: &str) -> &str {
    match name {
        "nothing" => "Nothing: the ramp is at its end",
        "bake" => "The step’s bake time",
        "evidence" => "Evidence that green is safe",
        "data" => "Responses of both versions",
        "unread" => "Answers of both versions that can be read alike",
        "incident" => "The end of an incident that affects both versions",
        "division" => "Users that are divided as the weights say",
        "approval" => "A person’s approval",
        "resume" => "The end of the pause",
        "state_lost" => "A new beginning, since the state was lost",
        "restart" => {
            "A change of the configuration: another ramp.restart begins this ramp again, another \
             rollout name begins a new one"
        }
        _ => name,
    }
}
