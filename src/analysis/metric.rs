//! The metrics that a gate or a tripwire can compare.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A property of responses that may be worse on green.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// The rate of failed responses.
    ErrorRate,
    /// The rate of requests that the version rejected with a 4xx other than 429.
    ClientErrorRate,
    /// The rate of refusals by the model or the provider.
    RefusalRate,
    /// The rate of answers without content.
    EmptyRate,
    /// The rate of answers that were cut off by a token limit.
    TruncationRate,
    /// The rate of requests that the client aborted.
    AbortRate,
    /// The rate of responses that took longer than an objective, or are still open after it.
    SlowRate,
    /// The rate of thumbs down among all thumbs.
    ThumbsDownRate,
    /// The time from the request's headers to the response's end, in milliseconds.
    Duration,
    /// The time from the request's headers to the first content, in milliseconds.
    Ttft,
    /// The number of generated tokens.
    OutputTokens,
    /// The cost with all input priced as uncached, in US dollars.
    Cost,
    /// The score that a judge gave, from 0 to 1.
    Score,
    /// How often a judge prefers the other version's answer to the same request. Only pairs have it.
    Preference,
    /// The 90th percentile of the duration.
    DurationP90,
    /// The 95th percentile of the duration.
    DurationP95,
    /// The 99th percentile of the duration.
    DurationP99,
    /// The 90th percentile of the time to the first content.
    TtftP90,
    /// The 95th percentile of the time to the first content.
    TtftP95,
    /// The 99th percentile of the time to the first content.
    TtftP99,
}

/// A quantile of a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeQuantile {
    /// [`Metric::Duration`] or [`Metric::Ttft`].
    pub time: Metric,
    /// The quantile, from 0 to 1.
    pub quantile: f64,
}

/// How a metric is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// By the ratio of rates, from counts of bad events. The margin is relative.
    Rate,
    /// By rank; higher values are worse. The margin is relative.
    Higher,
    /// By the mean of values from 0 to 1; lower is worse. The margin is absolute.
    Lower,
    /// By rank; higher and lower values are worse. The margin is relative.
    Either,
    /// By the difference of two rates. The margin is absolute.
    Share,
    /// By how often a time exceeds a threshold, which is a quantile of blue's; see
    /// [`thresholds`](super::thresholds). The margin is relative to that time.
    Quantile,
}

// === impl Metric ===

impl Metric {
    /// All metrics.
    pub const ALL: [Self; 20] = [
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
        Self::Preference,
        Self::DurationP90,
        Self::DurationP95,
        Self::DurationP99,
        Self::TtftP90,
        Self::TtftP95,
        Self::TtftP99,
    ];

    /// The metric with this name in the configuration.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.as_str() == name)
    }

    /// The metric's name in the configuration.
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
            Self::Preference => "preference",
            Self::DurationP90 => "duration_p90",
            Self::DurationP95 => "duration_p95",
            Self::DurationP99 => "duration_p99",
            Self::TtftP90 => "ttft_p90",
            Self::TtftP95 => "ttft_p95",
            Self::TtftP99 => "ttft_p99",
        }
    }

    /// How the metric is compared.
    pub fn comparison(self) -> Comparison {
        match self {
            Self::ErrorRate
            | Self::ClientErrorRate
            | Self::RefusalRate
            | Self::EmptyRate
            | Self::TruncationRate
            | Self::AbortRate
            | Self::SlowRate
            | Self::Preference => Comparison::Rate,
            Self::ThumbsDownRate => Comparison::Share,
            Self::Duration | Self::Ttft | Self::Cost => Comparison::Higher,
            Self::OutputTokens => Comparison::Either,
            Self::Score => Comparison::Lower,
            Self::DurationP90
            | Self::DurationP95
            | Self::DurationP99
            | Self::TtftP90
            | Self::TtftP95
            | Self::TtftP99 => Comparison::Quantile,
        }
    }

    /// Whether the metric's values are adjusted by what their requests reveal.
    pub fn is_adjustable(self) -> bool {
        matches!(self.comparison(), Comparison::Higher | Comparison::Either)
    }

    /// Whether only pairs of a shadow step have the metric.
    pub fn is_of_pairs(self) -> bool {
        self == Self::Preference
    }

    /// Whether a low rate is acceptable, whatever blue's is.
    pub fn has_ceiling(self) -> bool {
        self.comparison() == Comparison::Rate && self != Self::Preference
    }

    /// Whether the metric is how long a response takes, or whether it takes too long.
    pub fn is_of_time(self) -> bool {
        matches!(self, Self::Duration | Self::Ttft | Self::SlowRate) || self.quantile().is_some()
    }

    /// Whether the metric grows with the length of the answer.
    pub fn is_of_size(self) -> bool {
        matches!(self, Self::OutputTokens | Self::Cost)
    }

    /// The quantile that the metric is; `None` if it is none.
    pub fn quantile(self) -> Option<TimeQuantile> {
        let (time, quantile) = match self {
            Self::DurationP90 => (Self::Duration, 0.90),
            Self::DurationP95 => (Self::Duration, 0.95),
            Self::DurationP99 => (Self::Duration, 0.99),
            Self::TtftP90 => (Self::Ttft, 0.90),
            Self::TtftP95 => (Self::Ttft, 0.95),
            Self::TtftP99 => (Self::Ttft, 0.99),
            _ => return None,
        };
        Some(TimeQuantile { time, quantile })
    }

    /// How much worse green may be before it counts as worse: a difference for
    /// [`Comparison::Lower`] and [`Comparison::Share`], otherwise a ratio's excess over 1.
    pub fn default_margin(self) -> f64 {
        match self {
            Self::Duration | Self::Ttft | Self::OutputTokens => 0.10,
            Self::Cost => 0.05,
            Self::Score => 0.02,
            Self::ThumbsDownRate => 0.03,
            _ if self.comparison() == Comparison::Quantile => 0.20,
            _ => 0.25,
        }
    }

    /// The regression that must be ruled out before the ramp advances from a step with this
    /// share of traffic, from 0 to 1; in the margin's terms.
    ///
    /// The more users a step has, the smaller the regression that it may leave possible.
    pub fn default_tolerance(self, share: f64) -> f64 {
        let [to_1, to_5, to_25, above] = match self.comparison() {
            // No user has seen green, and a wrong answer is no error that another gate finds.
            _ if self == Self::Preference => [0.8, 0.6, 0.5, 0.4],
            Comparison::Rate => [2.0, 1.0, 0.5, 0.3],
            Comparison::Higher | Comparison::Either => [0.5, 0.3, 0.2, 0.15],
            Comparison::Lower => [0.10, 0.06, 0.05, 0.04],
            Comparison::Share => [0.15, 0.10, 0.08, 0.06],
            Comparison::Quantile => [1.0, 0.6, 0.4, 0.3],
        };
        match share {
            _ if share <= 0.01 => to_1,
            _ if share <= 0.05 => to_5,
            _ if share <= 0.25 => to_25,
            _ => above,
        }
    }
}

// === impl Comparison ===

impl Comparison {
    /// Whether bad events are counted, and the ratio of their rates is tested.
    pub fn counts_events(self) -> bool {
        matches!(self, Self::Rate | Self::Quantile)
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
