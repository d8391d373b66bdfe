//! The counters and histograms of a response.

use std::time::Duration;

use super::names::{Counter, Histogram};
use crate::response::{Class, ClassifiedOutcome, Outcome, StreamEnd};

/// Gives `add` each counter of a response with the number to add, which is never 0.
pub fn count_outcome(classified: &ClassifiedOutcome<'_>, mut add: impl FnMut(Counter, u64)) {
    let mut add = |counter, count: u64| {
        if count > 0 {
            add(counter, count);
        }
    };
    let (outcome, class) = (classified.outcome(), classified.class());
    add(status_counter(outcome.status), 1);
    add(Counter::Errors, class.is_error().into());
    add(Counter::ClientErrors, (class == Class::ClientError).into());
    add(Counter::FailedOver, outcome.has_failed_over.into());
    let is_aborted = outcome.ending == StreamEnd::Aborted || class == Class::Aborted;
    add(Counter::Aborted, is_aborted.into());
    if class == Class::NoAnswerExpected || outcome.has_failed_over {
        return;
    }
    add(Counter::UnreadBySampling, outcome.is_left_out.into());
    if let Some(reason) = outcome.unread_reason() {
        add(Counter::Unread, 1);
        add(Counter::UnreadFor(reason), 1);
    }
    if let Some(answer) = classified.answer() {
        add(Counter::Answers, 1);
        add(Counter::Empty, (class == Class::Success && answer.is_empty()).into());
        add(Counter::Refusals, classified.is_refusal().into());
        add(Counter::Truncations, answer.truncation.into());
        add(Counter::FinishUnknown, answer.finish_unknown.into());
        add(Counter::Repetitions, answer.is_repetitive().into());
        add(Counter::LeakedToolCalls, answer.has_leaked_tool_call().into());
        add(Counter::MissingToolCalls, answer.is_without_tool_call().into());
    }
    add(Counter::UnreadImplausible, classified.has_implausible_tokens().into());
    let Some(tokens) = classified.tokens() else { return };
    add(Counter::TokensInput, tokens.input.unwrap_or_default());
    add(Counter::TokensOutput, tokens.output.unwrap_or_default());
    add(Counter::TokensCached, tokens.cached.unwrap_or_default());
    add(Counter::TokensCacheWrite, tokens.cache_write.unwrap_or_default());
    add(Counter::TokensReasoning, tokens.reasoning.unwrap_or_default());
    add(Counter::CostMicrousd, classified.cost_microusd().unwrap_or_default());
}

/// Gives `record` each histogram that this response has a value for. A response of another
/// version has none.
pub fn record_outcome(outcome: &Outcome, mut record: impl FnMut(Histogram, u64)) {
    if outcome.has_failed_over {
        return;
    }
    record(Histogram::DurationMs, milliseconds(outcome.duration));
    if let Some(ttft) = outcome.ttft {
        record(Histogram::TtftMs, milliseconds(ttft));
    }
    if let Some(output) = outcome.read_answer().and_then(|answer| answer.tokens.output) {
        record(Histogram::AnswerTokens, output);
        if let Some(rate) = tokens_per_second(outcome, output) {
            record(Histogram::TokensPerSecond, rate);
        }
    }
}

/// The output tokens per second of a stream, from its first content to its end; `None` where
/// that took less than a millisecond.
fn tokens_per_second(outcome: &Outcome, output: u64) -> Option<u64> {
    let generation = outcome.duration.checked_sub(outcome.ttft?)?;
    output.saturating_mul(1000).checked_div(milliseconds(generation))
}

fn status_counter(status: Option<u16>) -> Counter {
    match status {
        Some(429) => Counter::Responses429,
        Some(200..=299) => Counter::Responses2xx,
        Some(300..=399) => Counter::Responses3xx,
        Some(400..=499) => Counter::Responses4xx,
        Some(500..=599) => Counter::Responses5xx,
        _ => Counter::ResponsesNone,
    }
}

/// Whole milliseconds.
fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
