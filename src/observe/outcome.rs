//! What one response comes to, as counts.

use super::answer::{Answer, ModelName};
use super::phrases::Phrases;
use super::price::Prices;
use crate::stats::{Counter, Histogram};

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With the response's end.
    Complete,
    /// By the client, before that.
    Aborted,
    /// By anything else, before that.
    Cut,
}

/// Why an answer was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is compressed.
    Encoded,
    /// Its format is not known.
    UnknownFormat,
    /// It is not what its format says.
    Malformed,
}

/// What one response has told.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The status, if there was a response.
    pub status: Option<u16>,
    /// How it ended.
    pub ending: Ending,
    /// Whether another version's cluster answered in the end.
    pub has_failed_over: bool,
    /// Whether the answer streams.
    pub is_stream: bool,
    /// The answer, where one was looked for.
    pub answer: Option<Result<Answer, Unread>>,
    /// From the request's headers to the end, in milliseconds.
    pub duration_ms: u64,
    /// From the request's headers to the first content of a stream, in milliseconds.
    pub ttft_ms: Option<u64>,
}

// === impl Outcome ===

impl Outcome {
    /// Whether the version failed: 5xx or 429, no end, an answer that says so or stops in
    /// the middle, or an answer by another version's cluster. A client that leaves is not
    /// the version's error.
    pub fn is_error(&self) -> bool {
        let by_status = self.status.is_some_and(|status| status == 429 || status / 100 == 5);
        let by_answer = matches!(&self.answer, Some(Ok(answer)) if answer.error);
        let is_unfinished = match (&self.answer, self.ending) {
            (_, Ending::Aborted) => false,
            (_, Ending::Cut) => true,
            (Some(Ok(answer)), Ending::Complete) => !answer.finished && !answer.malformed,
            (_, Ending::Complete) => self.status.is_none(),
        };
        self.has_failed_over || by_status || by_answer || is_unfinished
    }

    /// Gives `add` each counter with what is to be added to it, never 0.
    pub fn count(&self, phrases: &Phrases, prices: &Prices, mut add: impl FnMut(Counter, u64)) {
        let mut add = |counter, count: u64| {
            if count > 0 {
                add(counter, count);
            }
        };
        add(self.status_counter(), 1);
        add(Counter::Errors, self.is_error().into());
        add(Counter::FailedOver, self.has_failed_over.into());
        add(Counter::Aborted, (self.ending == Ending::Aborted).into());
        if self.has_failed_over {
            return;
        }
        let answer = match &self.answer {
            None => return,
            Some(Ok(answer)) if !answer.malformed => answer,
            Some(unread) => {
                let reason = unread.as_ref().err().copied().unwrap_or(Unread::Malformed);
                add(Counter::Unread, 1);
                add(Counter::UnreadFor(reason), 1);
                return;
            }
        };
        let opens_like_refusal =
            answer.opening.as_ref().is_some_and(|opening| phrases.open(opening.bytes()));
        add(Counter::Answers, 1);
        add(Counter::Refusals, (answer.refusal || opens_like_refusal).into());
        add(Counter::Truncations, answer.truncation.into());
        let tokens = &answer.tokens;
        add(Counter::TokensInput, tokens.input.unwrap_or_default());
        add(Counter::TokensOutput, tokens.output.unwrap_or_default());
        add(Counter::TokensCached, tokens.cached.unwrap_or_default());
        add(Counter::TokensCacheWrite, tokens.cache_write.unwrap_or_default());
        add(Counter::TokensReasoning, tokens.reasoning.unwrap_or_default());
        let model = answer.model.as_ref().map(ModelName::bytes).unwrap_or_default();
        let price = prices.find(model);
        add(Counter::CostMicrousd, price.map_or(0, |price| price.cost(tokens)));
    }

    /// Gives `record` each histogram that this response has a value for: none of them if
    /// another version answered.
    pub fn record(&self, mut record: impl FnMut(Histogram, u64)) {
        if self.has_failed_over {
            return;
        }
        record(Histogram::DurationMs, self.duration_ms);
        if let Some(ttft) = self.ttft_ms {
            record(Histogram::TtftMs, ttft);
        }
        let Some(Ok(Answer { malformed: false, tokens, .. })) = &self.answer else { return };
        if let Some(output) = tokens.output {
            record(Histogram::AnswerTokens, output);
            if let Some(rate) = self.tokens_per_second(output) {
                record(Histogram::TokensPerSecond, rate);
            }
        }
    }

    /// Output tokens per second of a stream, from its first content to its end;
    /// `None` where that took less than a millisecond.
    fn tokens_per_second(&self, output: u64) -> Option<u64> {
        let generating = self.duration_ms.checked_sub(self.ttft_ms?)?;
        output.saturating_mul(1000).checked_div(generating)
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
