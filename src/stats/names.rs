//! The names of everything that is counted, defined once.
//!
//! The proxy puts `wasmcustom.` before each. The shipped bootstrap's `stats_tags`
//! take rollout and version out again, so that Prometheus sees
//! `verdigris_requests{rollout="assistant-v8",version="green"}`.

use std::fmt;

use crate::assignment::{Reason, Version};
use crate::response::UnreadReason;

/// The `phase` gauge's value while the weights are set by hand.
pub const PHASE_MANUAL: u64 = 5;

/// Whose something is counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatScope {
    /// A version's.
    Of(Version),
    /// The shadow's: what green is asked for nobody. In names it stands where a version
    /// does.
    Shadow,
}

/// A counter that each version has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Requests that were given the version.
    Requests,
    /// Those of them that got it for this reason.
    Decisions(Reason),
    /// Responses by status; 429 is not among the 4xx.
    Responses2xx,
    /// As above.
    Responses3xx,
    /// As above.
    Responses4xx,
    /// As above.
    Responses429,
    /// As above.
    Responses5xx,
    /// Requests that got no response, or one of another status.
    ResponsesNone,
    /// Failures of the version.
    Errors,
    /// Requests that the version refused with a 4xx other than 429, or with the gRPC status
    /// that stands for one.
    ClientErrors,
    /// Requests that another version's cluster answered in the end.
    FailedOver,
    /// Requests that the client gave up.
    Aborted,
    /// Answers that were read.
    Answers,
    /// Those of them with nothing in them: no text, no call of a tool, no reasoning, though
    /// neither refused nor truncated.
    Empty,
    /// Answers that were to be read and could not be.
    Unread,
    /// Those of them for this reason.
    UnreadFor(UnreadReason),
    /// Refusals by the model or the provider.
    Refusals,
    /// Answers that ended for want of tokens.
    Truncations,
    /// Tokens of prompts, cached ones too.
    TokensInput,
    /// Tokens that were generated, reasoning too.
    TokensOutput,
    /// Tokens of prompts that were read from the provider's cache.
    TokensCached,
    /// Tokens of prompts that were written to it.
    TokensCacheWrite,
    /// Tokens of reasoning.
    TokensReasoning,
    /// Cost in millionths of a US dollar.
    CostMicrousd,
    /// Thumbs up.
    FeedbackUp,
    /// Thumbs down.
    FeedbackDown,
    /// The sum of scores, in thousandths.
    ScoreMilliSum,
    /// How many scores there were.
    ScoreCount,
    /// Votes without a receipt that is true, which are no evidence.
    FeedbackUnproved,
    /// Votes that were not heard, their unit having had too many.
    FeedbackLimited,
}

/// A histogram that each version has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Histogram {
    /// From the request's headers to the stream's end, in milliseconds.
    DurationMs,
    /// From the request's headers to the first content, in milliseconds.
    TtftMs,
    /// Output tokens of an answer.
    AnswerTokens,
    /// Output tokens per second of a stream after its first content.
    TokensPerSecond,
}

/// A counter of what the gates have seen, which each version has for each step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EvidenceCounter {
    /// Units that were given the version in the step and were on blue before it.
    Units,
    /// Those of them with an error.
    Errors,
    /// With a request that the version refused with a 4xx.
    ClientErrors,
    /// With an empty answer.
    Empty,
    /// With a refusal.
    Refusals,
    /// With an answer that ended for want of tokens.
    Truncations,
    /// With a request that they gave up.
    Aborts,
    /// With a response that took longer than the objective.
    Slow,
    /// With a thumb, by their first.
    Thumbs,
    /// With a first thumb that was down.
    ThumbsDown,
    /// With a score, by their first.
    Scores,
}

/// A gauge of the rollout as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gauge {
    /// Green's share in force, in basis points.
    GreenBp,
    /// Where the ramp stands; [`PHASE_MANUAL`] without one.
    Phase,
    /// The ramp's step; 0 without one.
    Step,
    /// 1 while the step is held for longer than the ramp's `timeout`.
    Overdue,
}

// === impl Account ===

impl StatScope {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Of(Version::Blue), Self::Of(Version::Green), Self::Shadow];
}

impl fmt::Display for StatScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of(version) => version.fmt(f),
            Self::Shadow => f.write_str("shadow"),
        }
    }
}

/// The full name of an account's counter or histogram, as the proxy is told it.
///
/// ```
/// use verdigris::assignment::{Reason, Version};
/// use verdigris::stats::{StatScope, Counter, metric_name};
/// let green = StatScope::Of(Version::Green);
/// assert_eq!(
///     metric_name("assistant-v8", green, Counter::Decisions(Reason::NoUnit)),
///     "verdigris.assistant-v8.green.decisions_no_unit",
/// );
/// ```
pub fn metric_name(rollout: &str, account: StatScope, metric: impl fmt::Display) -> String {
    format!("verdigris.{rollout}.{account}.{metric}")
}

/// The full name of a counter of evidence in a step, as the proxy is told it.
///
/// ```
/// use verdigris::assignment::Version;
/// use verdigris::stats::{EvidenceCounter, evidence_name};
/// assert_eq!(
///     evidence_name("assistant-v8", Version::Green, EvidenceCounter::Errors, 2),
///     "verdigris.assistant-v8.green.evidence_errors.s2",
/// );
/// ```
pub fn evidence_name(
    rollout: &str,
    version: Version,
    counter: EvidenceCounter,
    step: usize,
) -> String {
    metric_name(rollout, StatScope::Of(version), format_args!("{counter}.s{step}"))
}

/// The full name of `gauge`, as the proxy is told it.
pub fn gauge_name(rollout: &str, gauge: Gauge) -> String {
    format!("verdigris.{rollout}.{gauge}")
}

// === impl Counter ===

impl Counter {
    /// What is counted at every request.
    pub const DECISIONS: [Self; 8] = [
        Self::Requests,
        Self::Decisions(Reason::Weight),
        Self::Decisions(Reason::Pinned),
        Self::Decisions(Reason::Forced),
        Self::Decisions(Reason::Drained),
        Self::Decisions(Reason::NoUnit),
        Self::Decisions(Reason::Unpatchable),
        Self::Decisions(Reason::RolledBack),
    ];

    /// What is counted of a shadow's requests.
    pub const SHADOW: [Self; 2] = [Self::Requests, Self::Decisions(Reason::Unpatchable)];

    /// What is counted of feedback, where the configuration asks for it.
    pub const FEEDBACK: [Self; 6] = [
        Self::FeedbackUp,
        Self::FeedbackDown,
        Self::ScoreMilliSum,
        Self::ScoreCount,
        Self::FeedbackUnproved,
        Self::FeedbackLimited,
    ];

    /// What is counted of a response, where the configuration asks for it.
    pub const OUTCOMES: [Self; 24] = [
        Self::Responses2xx,
        Self::Responses3xx,
        Self::Responses4xx,
        Self::Responses429,
        Self::Responses5xx,
        Self::ResponsesNone,
        Self::Errors,
        Self::Aborted,
        Self::ClientErrors,
        Self::FailedOver,
        Self::Answers,
        Self::Empty,
        Self::Unread,
        Self::UnreadFor(UnreadReason::Encoded),
        Self::UnreadFor(UnreadReason::UnknownFormat),
        Self::UnreadFor(UnreadReason::Malformed),
        Self::Refusals,
        Self::Truncations,
        Self::TokensInput,
        Self::TokensOutput,
        Self::TokensCached,
        Self::TokensCacheWrite,
        Self::TokensReasoning,
        Self::CostMicrousd,
    ];
}

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Requests => "requests",
            Self::Decisions(reason) => return write!(f, "decisions_{}", reason.as_str()),
            Self::Responses2xx => "responses_2xx",
            Self::Responses3xx => "responses_3xx",
            Self::Responses4xx => "responses_4xx",
            Self::Responses429 => "responses_429",
            Self::Responses5xx => "responses_5xx",
            Self::ResponsesNone => "responses_none",
            Self::Errors => "errors",
            Self::Aborted => "aborted",
            Self::ClientErrors => "client_errors",
            Self::FailedOver => "failed_over",
            Self::Answers => "answers",
            Self::Empty => "empty",
            Self::Unread => "unread",
            Self::UnreadFor(UnreadReason::Encoded) => "unread_encoded",
            Self::UnreadFor(UnreadReason::UnknownFormat) => "unread_unknown_format",
            Self::UnreadFor(UnreadReason::Malformed) => "unread_malformed",
            Self::Refusals => "refusals",
            Self::Truncations => "truncations",
            Self::TokensInput => "tokens_input",
            Self::TokensOutput => "tokens_output",
            Self::TokensCached => "tokens_cached",
            Self::TokensCacheWrite => "tokens_cache_write",
            Self::TokensReasoning => "tokens_reasoning",
            Self::CostMicrousd => "cost_microusd",
            Self::FeedbackUp => "feedback_up",
            Self::FeedbackDown => "feedback_down",
            Self::ScoreMilliSum => "score_milli_sum",
            Self::ScoreCount => "score_count",
            Self::FeedbackUnproved => "feedback_unproved",
            Self::FeedbackLimited => "feedback_limited",
        })
    }
}

// === impl EvidenceCounter ===

impl EvidenceCounter {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Units,
        Self::Errors,
        Self::ClientErrors,
        Self::Empty,
        Self::Refusals,
        Self::Truncations,
        Self::Aborts,
        Self::Slow,
        Self::Thumbs,
        Self::ThumbsDown,
        Self::Scores,
    ];
}

impl fmt::Display for EvidenceCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Units => "evidence_units",
            Self::Errors => "evidence_errors",
            Self::ClientErrors => "evidence_client_errors",
            Self::Empty => "evidence_empty",
            Self::Refusals => "evidence_refusals",
            Self::Truncations => "evidence_truncations",
            Self::Aborts => "evidence_aborts",
            Self::Slow => "evidence_slow",
            Self::Thumbs => "evidence_thumbs",
            Self::ThumbsDown => "evidence_thumbs_down",
            Self::Scores => "evidence_scores",
        })
    }
}

// === impl Histogram ===

impl Histogram {
    /// All of them.
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

// === impl Gauge ===

impl Gauge {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::GreenBp, Self::Phase, Self::Step, Self::Overdue];
}

impl fmt::Display for Gauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GreenBp => "green_bp",
            Self::Phase => "phase",
            Self::Step => "step",
            Self::Overdue => "overdue",
        })
    }
}
