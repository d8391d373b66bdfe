//! The histograms of responses.

use std::fmt;

/// A histogram that each version has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Histogram {
    /// The time from the request's headers to the end of the stream, in milliseconds.
    DurationMs,
    /// The time from the request's headers to the first content of a stream, in milliseconds.
    TtftMs,
    /// The output tokens of an answer.
    AnswerTokens,
    /// The output tokens per second of a stream, after its first content.
    TokensPerSecond,
}

// === impl Histogram ===

impl Histogram {
    /// All histograms.
    pub const ALL: [Self; 4] =
        [Self::DurationMs, Self::TtftMs, Self::AnswerTokens, Self::TokensPerSecond];
}

impl fmt::Display for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DurationMs => "duration_ms",
            Self::TtftMs => "ttft_ms",
            Self::AnswerTokens => "answer_tokens",
            Self::TokensPerSecond => "tokens_per_second",
        })
    }
}
