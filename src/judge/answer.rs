//! The judge's answer, or why there is none.

use std::fmt;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::callout::{HttpError, HttpResponse};
use crate::response::{Answer, AnswerParser, Format, Framing, Tokens};

/// What the judge has answered, and what that has cost in tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgeReply {
    detail: String,
    verdict: Result<String, JudgeError>,
    tokens: Tokens,
}

/// Why an answer of the judge is no verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JudgeError {
    /// The judge did not answer: no host, a reset, an answer that ended early.
    Unreachable,
    /// The time-out passed.
    Timeout,
    /// Status 429.
    Limited,
    /// Another status than 200.
    Status,
    /// The answer is not JSON, or has other text around it.
    Unreadable,
    /// The answer ended at the token limit.
    Cut,
    /// The answer is JSON of another form, or its value is out of range.
    Invalid,
}

/// Which of two answers is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum PairVerdict {
    /// The first one.
    A,
    /// The second one.
    B,
    /// Neither.
    #[serde(rename = "tie")]
    Tie,
}

#[derive(Deserialize)]
struct ScoreAnswer {
    score: f64,
}

#[derive(Deserialize)]
struct PairAnswer {
    better: PairVerdict,
}

/// How many bytes of text a verdict has at most.
const MAX_TEXT: usize = 4_096;

/// How many bytes of an answer are read. A verdict with its usage has less than a thousandth of that.
const MAX_BODY: usize = 1 << 20;

/// How many bytes of a question are a token, where the judge does not say how many tokens it has read.
/// Real texts have more bytes a token, so that the cost is not underestimated.
const BYTES_PER_TOKEN: u64 = 2;

// === impl JudgeReply ===

impl JudgeReply {
    /// At most how many tokens a question with so many bytes and its answer have, where the answer may have
    /// `max_tokens`.
    pub fn assumed_tokens(question_bytes: usize, max_tokens: u64) -> Tokens {
        Tokens {
            input: u64::try_from(question_bytes).ok().map(|bytes| bytes / BYTES_PER_TOKEN),
            output: Some(max_tokens),
            ..Tokens::default()
        }
    }

    /// Reads the answer to a question that has these tokens at most, with its answer.
    pub fn read(response: &Result<HttpResponse, HttpError>, assumed: Tokens) -> Self {
        // A question that was sent may have been answered, and cost something.
        let detail = match response {
            Ok(response) => format!("status {}", response.status),
            Err(error) => error.to_string(),
        };
        let failed = |error, tokens| (Err(error), tokens);
        let (verdict, tokens) = match response {
            Err(HttpError::NotSent(_)) => failed(JudgeError::Unreachable, Tokens::default()),
            Err(HttpError::CutShort | HttpError::Unreadable(_)) => {
                failed(JudgeError::Unreachable, assumed)
            }
            Ok(HttpResponse { status: 200, body, .. }) if body.len() > MAX_BODY => {
                failed(JudgeError::Unreadable, assumed)
            }
            Ok(HttpResponse { status: 200, body, .. }) => {
                let (verdict, tokens) = read_body(body);
                (verdict, stated_or_assumed(tokens, assumed))
            }
            Ok(HttpResponse { status: 429, .. }) => failed(JudgeError::Limited, Tokens::default()),
            Ok(HttpResponse { status: 504, .. }) => failed(JudgeError::Timeout, assumed),
            // A gateway has lost the model's answer.
            Ok(HttpResponse { status: 502, .. }) => failed(JudgeError::Unreachable, assumed),
            Ok(HttpResponse { status: 503, body, .. }) => {
                let tokens = if is_lost_answer(body) { assumed } else { Tokens::default() };
                failed(JudgeError::Unreachable, tokens)
            }
            Ok(_) => failed(JudgeError::Status, Tokens::default()),
        };
        Self { detail, verdict, tokens }
    }

    /// The status of the answer, or why there is none.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The tokens of the question and of the answer, by the judge's `usage`. An upper bound of what it does
    /// not state, where the question may have been answered.
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// How good an answer is, from 0 to 1.
    ///
    /// # Errors
    /// Why the judge's answer is no score.
    #[allow(clippy::cast_possible_truncation, reason = "from 0 to 1")]
    pub fn score(&self) -> Result<f32, JudgeError> {
        let ScoreAnswer { score } = self.parse()?;
        if (0.0..=1.0).contains(&score) { Ok(score as f32) } else { Err(JudgeError::Invalid) }
    }

    /// Which of two answers is better.
    ///
    /// # Errors
    /// Why the judge's answer is no verdict on a pair.
    pub fn pair(&self) -> Result<PairVerdict, JudgeError> {
        self.parse().map(|PairAnswer { better }| better)
    }

    fn parse<T: DeserializeOwned>(&self) -> Result<T, JudgeError> {
        let text = self.verdict.as_ref().map_err(|error| *error)?;
        serde_json::from_str::<&RawValue>(text).map_err(|_| JudgeError::Unreadable)?;
        // Serde would take a list of values for an object.
        let is_object = text.trim_start().starts_with('{');
        let verdict = serde_json::from_str(text).ok().filter(|_| is_object);
        verdict.ok_or(JudgeError::Invalid)
    }
}

/// What is assumed where an answer does not state it. Some APIs state no output.
fn stated_or_assumed(stated: Tokens, assumed: Tokens) -> Tokens {
    Tokens {
        input: stated.input.or(assumed.input),
        output: stated.output.or(assumed.output),
        ..stated
    }
}

/// Whether a 503 is Envoy's own, for a connection that ended after the question was sent. Then the
/// judge may have answered. It has not where no connection was made, and no API bills a 503 of its own.
///
/// Source: Envoy's `Router::Filter::onUpstreamReset` and `Http::Utility::resetReasonToString`.
fn is_lost_answer(body: &[u8]) -> bool {
    const REASONS: [&str; 3] = ["connection termination", "remote reset", "protocol error"];
    let text = String::from_utf8_lossy(body);
    let (_, reason) = text.split_once("disconnect/reset before headers").unwrap_or_default();
    REASONS.iter().any(|it| reason.contains(it))
}

/// Reads the body of a Chat Completions response: the text of its first choice, and its usage.
fn read_body(body: &[u8]) -> (Result<String, JudgeError>, Tokens) {
    let mut parser = AnswerParser::new(Format::Chat, Framing::Json, 0);
    parser.capture_text(MAX_TEXT);
    parser.feed(body);
    let mut answer = parser.finish();
    let text = answer.take_text();
    let text = text.as_ref().and_then(|it| it.text()).map(str::to_owned);
    let verdict = match (text, &answer) {
        (_, Answer { malformed: true, .. } | Answer { finished: false, .. }) => {
            Err(JudgeError::Unreadable)
        }
        (_, Answer { truncation: true, .. }) => Err(JudgeError::Cut),
        (_, Answer { refusal: true, .. } | Answer { error: true, .. }) | (None, _) => {
            Err(JudgeError::Unreadable)
        }
        (Some(text), _) => Ok(text),
    };
    (verdict, answer.tokens)
}

// === impl JudgeError ===

impl JudgeError {
    /// All errors.
    pub const ALL: [Self; 7] = [
        Self::Unreachable,
        Self::Timeout,
        Self::Limited,
        Self::Status,
        Self::Unreadable,
        Self::Cut,
        Self::Invalid,
    ];

    /// The error's name in stats.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Limited => "limited",
            Self::Status => "status",
            Self::Unreadable => "unreadable",
            Self::Cut => "cut",
            Self::Invalid => "invalid",
        }
    }
}

impl fmt::Display for JudgeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "the judge does not answer",
            Self::Timeout => "the judge takes longer than judge.timeout",
            Self::Limited => "the judge answers with status 429",
            Self::Status => "the judge answers with another status than 200",
            Self::Unreadable => "the judge's answer is not the JSON that it was asked for",
            Self::Cut => "the judge's answer ended at the token limit",
            Self::Invalid => "the judge's answer has no valid verdict",
        })
    }
}
