//! The counters of requests, responses and feedback.

use std::fmt;

use crate::assignment::Reason;
use crate::judge::JudgeError;
use crate::response::UnreadReason;
use crate::sampling::Unjudged;

/// A counter that each version has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Requests that were assigned the version.
    Requests,
    /// Requests that were assigned the version for this reason.
    Decisions(Reason),
    /// Responses with a status from 200 to 299.
    Responses2xx,
    /// Responses with a status from 300 to 399.
    Responses3xx,
    /// Responses with a status from 400 to 499, except 429.
    Responses4xx,
    /// Responses with status 429.
    Responses429,
    /// Responses with a status from 500 to 599.
    Responses5xx,
    /// Requests without a response, or with a response of another status.
    ResponsesNone,
    /// Responses that are an error of the version.
    Errors,
    /// Requests that the version rejected with a 4xx other than 429, or with the gRPC status
    /// that maps to one.
    ClientErrors,
    /// Requests that another version's cluster answered in the end.
    FailedOver,
    /// Requests that the client aborted.
    Aborted,
    /// Answers that were read.
    Answers,
    /// Answers without content: no text, no tool call, no reasoning, though neither a refusal
    /// nor truncated.
    Empty,
    /// Answers that were expected and could not be read.
    Unread,
    /// Answers that could not be read for this reason.
    UnreadFor(UnreadReason),
    /// Answers that were not read, because those of other units are.
    UnreadBySampling,
    /// Answers whose token counts were dropped, because one of them is not plausible. The rest of
    /// such an answer counts.
    UnreadImplausible,
    /// Refusals by the model or the provider.
    Refusals,
    /// Answers that ended at a token limit.
    Truncations,
    /// Answers that ended for a reason that is not known, or stated none.
    FinishUnknown,
    /// Answers that repeat themselves in a loop.
    Repetitions,
    /// Answers whose text has a tool call that the server has not parsed.
    LeakedToolCalls,
    /// Answers that state a tool call as their end, and have none.
    MissingToolCalls,
    /// Input tokens, including cached ones.
    TokensInput,
    /// Output tokens, including reasoning.
    TokensOutput,
    /// Input tokens that were read from the provider's cache.
    TokensCached,
    /// Input tokens that were written to the provider's cache.
    TokensCacheWrite,
    /// Reasoning tokens.
    TokensReasoning,
    /// Cost in millionths of a US dollar.
    CostMicrousd,
    /// Thumbs up.
    FeedbackUp,
    /// Thumbs down.
    FeedbackDown,
    /// The sum of scores, in thousandths.
    ScoreMilliSum,
    /// The number of scores.
    ScoreCount,
    /// Feedback without a valid signed exposure. It is not evidence.
    FeedbackUnproved,
    /// Feedback that exceeded the rate limit of its unit.
    FeedbackLimited,
    /// Requests whose prompt and answer were copied.
    Sampled,
    /// Requests that were chosen to be sampled and were not, because too many samples were open or
    /// waited for the other half of their pair.
    Unsampled,
    /// Samples on which the judge has given a verdict.
    Judged,
    /// Samples that the judge was not asked about, for this reason.
    Unjudged(Unjudged),
    /// Answers of the judge that are no verdict.
    JudgeErrors,
    /// Answers of the judge that are no verdict, for this reason.
    JudgeErrorsFor(JudgeError),
    /// What the judge has cost, in millionths of a US dollar.
    JudgeCostMicrousd,
    /// Pairs on which the judge contradicts itself when their order is swapped.
    JudgeInconsistent,
    /// Pairs of which the judge prefers blue's answer in both orders.
    PreferredBlue,
    /// Pairs of which the judge prefers green's answer in both orders.
    PreferredGreen,
    /// Pairs of which the judge prefers neither answer in both orders.
    PreferredNeither,
    /// Sampled requests that a receiver of spans has taken.
    SamplesSent,
    /// Sampled requests that were not sent, because too many were open or waited.
    SamplesDropped,
    /// Sampled requests that the receiver has not taken.
    SamplesFailed,
    /// Requests of a shadow step whose responses of both versions are compared.
    Pairs,
    /// Mirrored requests of a shadow step without such a pair.
    Unpaired,
}

// === impl Counter ===

impl Counter {
    /// The counters of requests to a version.
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

    /// The counters of requests to the shadow.
    pub const SHADOW: [Self; 4] =
        [Self::Requests, Self::Decisions(Reason::Unpatchable), Self::Pairs, Self::Unpaired];

    /// The counters of feedback, where it is configured.
    pub const FEEDBACK: [Self; 6] = [
        Self::FeedbackUp,
        Self::FeedbackDown,
        Self::ScoreMilliSum,
        Self::ScoreCount,
        Self::FeedbackUnproved,
        Self::FeedbackLimited,
    ];

    /// The counters of samples, where requests are sampled.
    pub const SAMPLES: [Self; 2] = [Self::Sampled, Self::Unsampled];

    /// The counters of the judge, where it is configured.
    pub const JUDGE: [Self; 14] = [
        Self::Judged,
        Self::Unjudged(Unjudged::TooLarge),
        Self::Unjudged(Unjudged::NoAnswer),
        Self::Unjudged(Unjudged::Dropped),
        Self::Unjudged(Unjudged::Unpaired),
        Self::JudgeErrors,
        Self::JudgeErrorsFor(JudgeError::Unreachable),
        Self::JudgeErrorsFor(JudgeError::Timeout),
        Self::JudgeErrorsFor(JudgeError::Limited),
        Self::JudgeErrorsFor(JudgeError::Status),
        Self::JudgeErrorsFor(JudgeError::Unreadable),
        Self::JudgeErrorsFor(JudgeError::Cut),
        Self::JudgeErrorsFor(JudgeError::Invalid),
        Self::JudgeCostMicrousd,
    ];

    /// The counters of the judge for the shadow, which has pairs besides.
    pub fn judge_of_shadow() -> impl Iterator<Item = Self> {
        let pairs = [
            Self::JudgeInconsistent,
            Self::PreferredBlue,
            Self::PreferredGreen,
            Self::PreferredNeither,
        ];
        Self::JUDGE.into_iter().chain(pairs)
    }

    /// The counters of exported samples, where they are configured.
    pub const EXPORTS: [Self; 3] = [Self::SamplesSent, Self::SamplesDropped, Self::SamplesFailed];

    /// The counters of responses, where they are configured.
    pub const OUTCOMES: [Self; 30] = [
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
        Self::UnreadBySampling,
        Self::UnreadImplausible,
        Self::Refusals,
        Self::Truncations,
        Self::FinishUnknown,
        Self::Repetitions,
        Self::LeakedToolCalls,
        Self::MissingToolCalls,
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
            Self::UnreadBySampling => "unread_by_sampling",
            Self::UnreadImplausible => "unread_implausible",
            Self::Refusals => "refusals",
            Self::Truncations => "truncations",
            Self::FinishUnknown => "finish_unknown",
            Self::Repetitions => "repetitions",
            Self::LeakedToolCalls => "leaked_tool_calls",
            Self::MissingToolCalls => "missing_tool_calls",
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
            Self::Judged => "judged",
            Self::Unjudged(why) => return write!(f, "unjudged_{}", why.as_str()),
            Self::JudgeErrors => "judge_errors",
            Self::JudgeErrorsFor(error) => return write!(f, "judge_errors_{}", error.as_str()),
            Self::JudgeCostMicrousd => "judge_cost_microusd",
            Self::JudgeInconsistent => "judge_inconsistent",
            Self::PreferredBlue => "preferred_blue",
            Self::PreferredGreen => "preferred_green",
            Self::PreferredNeither => "preferred_neither",
            Self::Sampled => "sampled",
            Self::Unsampled => "unsampled",
            Self::SamplesSent => "samples_sent",
            Self::SamplesDropped => "samples_dropped",
            Self::SamplesFailed => "samples_failed",
            Self::Pairs => "pairs",
            Self::Unpaired => "unpaired",
        })
    }
}
