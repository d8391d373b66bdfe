//! What a gate can look at.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A property of responses that may be worse on green.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Failed responses.
    ErrorRate,
    /// Requests that the version refused with a 4xx other than 429.
    ClientErrorRate,
    /// Refusals by the model or the provider.
    RefusalRate,
    /// Answers with nothing in them.
    EmptyRate,
    /// Answers that ended for want of tokens.
    TruncationRate,
    /// Requests that the client gave up.
    AbortRate,
    /// Responses that took longer than an objective.
    SlowRate,
    /// Thumbs down among the thumbs.
    ThumbsDownRate,
    /// From the request's headers to the response's end, in milliseconds.
    Duration,
    /// From the request's headers to the first content, in milliseconds.
    Ttft,
    /// Tokens that were generated.
    OutputTokens,
    /// Cost with all input priced as uncached, in US dollars.
    Cost,
    /// The score that a judge gave, from 0 to 1.
    Score,
}

/// How a metric is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// How often it is so, by bad events. The margin is relative.
    Rate,
    /// Whether values lie higher, by rank. The margin is relative.
    Higher,
    /// Whether values from 0 to 1 lie lower, by their mean. The margin is absolute.
    Lower,
    /// Whether values lie higher or lower, by rank. The margin is relative.
    Either,
    /// How often it is so, by the difference in shares. The margin is absolute.
    Share,
}

// === impl Metric ===

impl Metric {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::ErrorRate,
        Self::ClientErrorRate,
        Self::RefusalRate,
        Self::EmptyRate,
        Self::TruncationRate,
        Self::AbortRate,
        Self::SlowRate,
        Self::ThumbsDownRate,
        Self::Duration,
        Self::Ttft,
        Self::OutputTokens,
        Self::Cost,
        Self::Score,
    ];

    /// The metric of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.as_str() == name)
    }

    /// Its name in configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ErrorRate => "error_rate",
            Self::ClientErrorRate => "client_error_rate",
            Self::RefusalRate => "refusal_rate",
            Self::EmptyRate => "empty_rate",
            Self::TruncationRate => "truncation_rate",
            Self::AbortRate => "abort_rate",
            Self::SlowRate => "slow_rate",
            Self::ThumbsDownRate => "thumbs_down_rate",
            Self::Duration => "duration",
            Self::Ttft => "ttft",
            Self::OutputTokens => "output_tokens",
            Self::Cost => "cost",
            Self::Score => "score",
        }
    }

    /// How it is compared.
    pub fn comparison(self) -> Comparison {
        match self {
            Self::ErrorRate
            | Self::ClientErrorRate
            | Self::RefusalRate
            | Self::EmptyRate
            | Self::TruncationRate
            | Self::AbortRate
            | Self::SlowRate => Comparison::Rate,
            Self::ThumbsDownRate => Comparison::Share,
            Self::Duration | Self::Ttft | Self::Cost => Comparison::Higher,
            Self::OutputTokens => Comparison::Either,
            Self::Score => Comparison::Lower,
        }
    }

    /// By how much green may be worse before that counts as worse: for
    /// [`Comparison::Lower`] and [`Comparison::Share`] as a difference, else as the
    /// excess over 1 of the ratio.
    pub fn default_margin(self) -> f64 {
        match self {
            Self::Duration | Self::Ttft | Self::OutputTokens => 0.10,
            Self::Cost => 0.05,
            Self::Score => 0.02,
            Self::ThumbsDownRate => 0.03,
            _ => 0.25,
        }
    }

    /// How much worse green must be shown not to be for the ramp to go on from a step
    /// of this share of traffic; in the margin's terms. The more users a step has, the
    /// less of a loss it may leave open.
    pub fn default_tolerance(self, share: f64) -> f64 {
        let [to_1, to_5, to_25, above] = match self.comparison() {
            Comparison::Rate => [2.0, 1.0, 0.5, 0.3],
            Comparison::Higher | Comparison::Either => [0.5, 0.3, 0.2, 0.15],
            Comparison::Lower => [0.10, 0.06, 0.05, 0.04],
            Comparison::Share => [0.15, 0.10, 0.08, 0.06],
        };
        match share {
            _ if share <= 0.01 => to_1,
            _ if share <= 0.05 => to_5,
            _ if share <= 0.25 => to_25,
            _ => above,
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
