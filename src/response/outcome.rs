//! What one response comes to, as counts.

use std::time::Duration;

use super::answer::Answer;
use super::classification::{Class, Method, Protocol, ResponseFlags, StreamEnd};
use super::prices::Prices;
use super::refusal_phrases::Phrases;
use crate::stats::names::{Counter, Histogram};

/// Why an answer was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnreadReason {
    /// It is compressed.
    Encoded,
    /// Its format is not known.
    UnknownFormat,
    /// It is not what its format says.
    Malformed,
}

/// What is known of one exchange when it has ended.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// How it was carried.
    pub protocol: Protocol,
    /// What the request's method says of the response.
    pub method: Method,
    /// The HTTP status, if there was a response.
    pub status: Option<u16>,
    /// The gRPC status, if there was one.
    pub grpc_status: Option<u32>,
    /// How it ended.
    pub ending: StreamEnd,
    /// What Envoy says went wrong.
    pub flags: ResponseFlags,
    /// Whether another version's cluster answered in the end.
    pub has_failed_over: bool,
    /// Whether answers are read, and this path is one that a model answers at.
    pub is_model_path: bool,
    /// Whether the response had a body.
    pub has_body: bool,
    /// Whether the answer streams.
    pub is_stream: bool,
    /// The answer, where one was looked for.
    pub answer: Option<Result<Answer, UnreadReason>>,
    /// From the request's headers to the end.
    pub duration: Duration,
    /// From the request's headers to the first content of a stream.
    pub ttft: Option<Duration>,
}

// === impl Outcome ===

impl Outcome {
    /// The answer, if it was read.
    pub fn read_answer(&self) -> Option<&Answer> {
        match &self.answer {
            Some(Ok(answer)) if !answer.malformed => Some(answer),
            _ => None,
        }
    }

    /// Whether it was a tunnel, which lasts as long as its ends want.
    pub fn is_tunnel(&self) -> bool {
        self.protocol == Protocol::Tunnel
    }

    /// Gives `add` each counter with what is to be added to it, never 0. `class` is the
    /// outcome's.
    pub fn count(
        &self,
        class: Class,
        phrases: &Phrases,
        prices: &Prices,
        mut add: impl FnMut(Counter, u64),
    ) {
        let mut add = |counter, count: u64| {
            if count > 0 {
                add(counter, count);
            }
        };
        add(self.status_counter(), 1);
        add(Counter::Errors, class.is_error().into());
        add(Counter::ClientErrors, (class == Class::ClientError).into());
        add(Counter::FailedOver, self.has_failed_over.into());
        let is_aborted = self.ending == StreamEnd::Aborted || class == Class::Aborted;
        add(Counter::Aborted, is_aborted.into());
        if class == Class::NoAnswerExpected || self.has_failed_over {
            return;
        }
        let answer = match &self.answer {
            None => return,
            Some(Ok(answer)) if !answer.malformed => answer,
            Some(unread) => {
                let reason = unread.as_ref().err().copied().unwrap_or(UnreadReason::Malformed);
                add(Counter::Unread, 1);
                add(Counter::UnreadFor(reason), 1);
                return;
            }
        };
        add(Counter::Answers, 1);
        add(Counter::Empty, (class == Class::Success && answer.is_empty()).into());
        add(Counter::Refusals, answer.is_refusal(phrases).into());
        add(Counter::Truncations, answer.truncation.into());
        let tokens = &answer.tokens;
        add(Counter::TokensInput, tokens.input.unwrap_or_default());
        add(Counter::TokensOutput, tokens.output.unwrap_or_default());
        add(Counter::TokensCached, tokens.cached.unwrap_or_default());
        add(Counter::TokensCacheWrite, tokens.cache_write.unwrap_or_default());
        add(Counter::TokensReasoning, tokens.reasoning.unwrap_or_default());
        add(Counter::CostMicrousd, answer.price(prices).map_or(0, |price| price.cost(tokens)));
    }

    /// Gives `record` each histogram that this response has a value for: none of them if
    /// another version answered.
    pub fn record(&self, mut record: impl FnMut(Histogram, u64)) {
        if self.has_failed_over {
            return;
        }
        record(Histogram::DurationMs, milliseconds(self.duration));
        if let Some(ttft) = self.ttft {
            record(Histogram::TtftMs, milliseconds(ttft));
        }
        if let Some(output) = self.read_answer().and_then(|answer| answer.tokens.output) {
            record(Histogram::AnswerTokens, output);
            if let Some(rate) = self.tokens_per_second(output) {
                record(Histogram::TokensPerSecond, rate);
            }
        }
    }

    /// Output tokens per second of a stream, from its first content to its end;
    /// `None` where that took less than a millisecond.
    fn tokens_per_second(&self, output: u64) -> Option<u64> {
        let generating = self.duration.checked_sub(self.ttft?)?;
        output.saturating_mul(1000).checked_div(milliseconds(generating))
    }

    fn status_counter(&self) -> Counter {
        match self.status {
            Some(429) => Counter::Responses429,
            Some(200..=299) => Counter::Responses2xx,
            Some(300..=399) => Counter::Responses3xx,
            Some(400..=499) => Counter::Responses4xx,
            Some(500..=599) => Counter::Responses5xx,
            _ => Counter::ResponsesNone,
        }
    }
}

/// Whole milliseconds.
fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
