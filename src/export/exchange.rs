//! What is exported of one request and its answer.

use std::time::Duration;

use super::trace_context::{SpanId, TraceContext};
use crate::response::answer::Answer;
use crate::response::{Class, ClassifiedOutcome, Format, StreamEnd, Tokens};
use crate::stats::names::StatScope;

/// What is exported of one request and its answer. The user is no part of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Exchange {
    /// The version that answered, or the shadow.
    pub scope: StatScope,
    /// The request.
    pub request: ExchangeRequest,
    /// The answer.
    pub answer: ExchangeAnswer,
    /// The texts of both; `None` where only metadata is exported.
    pub text: Option<ExchangeText>,
}

/// What is known of a request when it is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct ExchangeRequest {
    /// Where the span belongs.
    pub trace: TraceContext,
    /// The span's id.
    pub span: SpanId,
    /// What both halves of a pair have in common, where Envoy mirrors the request.
    pub pair: Option<String>,
    /// The ramp's step, counted from 0; `None` without a ramp.
    pub step: Option<u64>,
    /// The receipt with which an evaluator can send a score, where feedback is configured.
    pub receipt: Option<String>,
    /// When it arrived, in nanoseconds since 1970.
    pub began_unix_ns: u64,
    /// The format of its API, if it is known.
    pub format: Option<Format>,
    /// The model that the version's patch has written, if it has one.
    pub patched_model: Option<String>,
}

/// What an answer was.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExchangeAnswer {
    /// The time from the request to the end.
    pub duration: Duration,
    /// The time from the request to the first content of a stream.
    pub ttft: Option<Duration>,
    /// Whether it is a stream.
    pub is_stream: bool,
    /// The HTTP status; `None` without a response.
    pub status: Option<u16>,
    /// Why the version failed, in a word; `None` if it did not.
    pub error: Option<String>,
    /// The model that it names.
    pub model: Option<String>,
    /// Its token counts.
    pub tokens: Tokens,
    /// Why it ended; `None` where no answer was read.
    pub finish_reason: Option<FinishReason>,
}

/// Why an answer ended, in the words of the GenAI conventions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// The model was done.
    Stop,
    /// It ended at a token limit.
    Length,
    /// The model refused, or the provider's filter stopped it.
    ContentFilter,
    /// It ended with a call of a tool.
    ToolCall,
    /// It states an error, or has no end.
    Error,
}

/// The texts of a request and its answer. A text that is too large is left out as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExchangeText {
    /// The body of the request as the client has sent it.
    pub request: Option<Vec<u8>>,
    /// The text of the answer's first choice.
    pub answer: Option<Vec<u8>>,
}

// === impl ExchangeRequest ===

impl ExchangeRequest {
    /// How many characters of a request's id are kept.
    const MAX_PAIR_NAME: usize = 128;

    /// What both halves of a pair have in common: the request's id.
    pub fn pair_name(request_id: &[u8]) -> String {
        String::from_utf8_lossy(request_id).chars().take(Self::MAX_PAIR_NAME).collect()
    }
}

// === impl ExchangeAnswer ===

impl ExchangeAnswer {
    /// What an outcome shows.
    pub fn from_outcome(classified: &ClassifiedOutcome<'_>) -> Self {
        let outcome = classified.outcome();
        let is_of_version = !outcome.has_failed_over;
        let answer = classified.answer().filter(|_| is_of_version);
        let model = answer.map(Answer::model_name).filter(|name| !name.is_empty());
        Self {
            duration: outcome.duration,
            ttft: outcome.ttft,
            is_stream: outcome.is_stream,
            status: outcome.status,
            error: error_type(classified),
            model: model.map(|name| String::from_utf8_lossy(name).into_owned()),
            tokens: classified.tokens().filter(|_| is_of_version).copied().unwrap_or_default(),
            finish_reason: answer.filter(|it| it.has_answer).map(FinishReason::of),
        }
    }
}

/// Why the version failed or the answer was cut: the status, or what the answer lacks. Few values,
/// as `error.type` is to have.
fn error_type(classified: &ClassifiedOutcome<'_>) -> Option<String> {
    let outcome = classified.outcome();
    let word = match (classified.class(), outcome.status) {
        (_, Some(status @ 400..)) => return Some(status.to_string()),
        (Class::AnswerMissing, _) => "answer_missing",
        (Class::Aborted, _) => "client_aborted",
        (Class::Error | Class::Limited, _) if outcome.has_failed_over => "failed_over",
        (Class::Error | Class::Limited, None) => "no_response",
        (Class::Error | Class::Limited, _) if outcome.ending == StreamEnd::Cut => "stream_cut",
        (Class::Error | Class::Limited, _) => "answer_error",
        _ => return None,
    };
    Some(word.to_owned())
}

// === impl FinishReason ===

impl FinishReason {
    /// The name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ContentFilter => "content_filter",
            Self::ToolCall => "tool_call",
            Self::Error => "error",
        }
    }

    /// Why an answer ended.
    fn of(answer: &Answer) -> Self {
        match answer {
            Answer { error: true, .. } | Answer { finished: false, .. } => Self::Error,
            Answer { refusal: true, .. } => Self::ContentFilter,
            Answer { truncation: true, .. } => Self::Length,
            Answer { tool_stop: true, .. } => Self::ToolCall,
            _ => Self::Stop,
        }
    }
}
