//! The class of an exchange. [`Outcome::class`] applies the first row that matches.
//!
//! | what happened | class |
//! |---|---|
//! | another version's cluster answered after a retry | [`Error`](Class::Error) |
//! | Envoy's external authorization denied the request | [`Neutral`](Class::Neutral) |
//! | the client broke the protocol, did not end its request in time, or did not wait longer | [`Aborted`](Class::Aborted) |
//! | no response, and the client left | [`Aborted`](Class::Aborted) |
//! | a complete response whose status is not known | [`NoAnswerExpected`](Class::NoAnswerExpected) |
//! | no response otherwise | [`Error`](Class::Error) |
//! | 429, or 503 by one of Envoy's own limits | as [`LimitPolicy`] says |
//! | any other 4xx or 5xx whose body states that a content filter refused | [`Success`](Class::Success) |
//! | any other 5xx | [`Error`](Class::Error) |
//! | an established upgrade (101, or 2xx to `CONNECT`), however the stream ended later | [`Success`](Class::Success) |
//! | any other 4xx, and any other response to an upgrade | [`ClientError`](Class::ClientError) |
//! | the answer states an error | [`Error`](Class::Error) |
//! | the client left before the end | [`Aborted`](Class::Aborted) |
//! | the stream broke before its end | [`Error`](Class::Error) |
//! | gRPC without a `grpc-status` | [`Error`](Class::Error) |
//! | HEAD and OPTIONS; at a model's path also 1xx, 202, 204, 205, 3xx, or no body where none was due | [`NoAnswerExpected`](Class::NoAnswerExpected) |
//! | the body at a model's path cannot be read | [`Unread`](Class::Unread) |
//! | the answer has no end, or no body | [`Error`](Class::Error) |
//! | the answer is still being made (`queued`) | [`NoAnswerExpected`](Class::NoAnswerExpected) |
//! | the body has nothing that is an answer | [`AnswerMissing`](Class::AnswerMissing) |
//! | anything else | [`Success`](Class::Success) |
//!
//! For gRPC, the status that counts is the `grpc-status`, mapped to an HTTP status
//! ([`grpc::http_status`]).

use super::grpc;
use super::method::{Method, Protocol};
use super::outcome::{Outcome, UnreadReason};
use super::stream_end::StreamEnd;

/// How 429 counts, and 503 by one of Envoy's own limits.
///
/// Versions often share a limit, such as one provider's quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LimitPolicy {
    /// As an error that is compared with blue's. A tripwire of kind `absolute` compares
    /// nothing, and so leaves it out.
    #[default]
    Compare,
    /// As an error like any other.
    Error,
    /// As nothing.
    Neutral,
}

/// What an exchange counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The version answered as expected.
    Success,
    /// The version failed.
    Error,
    /// The version met a limit under [`LimitPolicy::Compare`]: an error.
    Limited,
    /// A 2xx at a model's path without an answer: an error.
    AnswerMissing,
    /// The version rejected the request with a 4xx, or did not take up an upgrade.
    ClientError,
    /// The client left, broke the protocol, or did not end its request in time.
    Aborted,
    /// No answer of a model was expected, or it is not known what there was.
    NoAnswerExpected,
    /// The response succeeded, and its answer could not be read.
    Unread,
    /// The response says nothing about the version.
    Neutral,
}

// === impl Class ===

impl Class {
    /// Whether the version failed.
    pub fn is_error(self) -> bool {
        matches!(self, Self::Error | Self::Limited | Self::AnswerMissing)
    }
}

// === impl LimitPolicy ===

impl LimitPolicy {
    fn class(self) -> Class {
        match self {
            Self::Compare => Class::Limited,
            Self::Error => Class::Error,
            Self::Neutral => Class::Neutral,
        }
    }
}

// === impl Outcome ===

impl Outcome {
    /// The class of the exchange.
    pub fn class(&self, limits: LimitPolicy) -> Class {
        if self.has_failed_over {
            return Class::Error;
        }
        if self.flags.is_denied() {
            return Class::Neutral;
        }
        if self.flags.is_protocol_error() || self.is_request_overdue || self.is_deadline_over {
            return Class::Aborted;
        }
        let Some(status) = self.effective_status() else {
            return match self.ending {
                StreamEnd::Aborted => Class::Aborted,
                StreamEnd::Cut => Class::Error,
                // There was one, whose headers the filter could not read.
                StreamEnd::Complete => Class::NoAnswerExpected,
            };
        };
        match status {
            429 => limits.class(),
            503 if self.flags.is_limited() => limits.class(),
            400.. if self.is_filtered() => Class::Success,
            500.. => Class::Error,
            _ if self.protocol == Protocol::Tunnel => Class::Success,
            400..=499 => Class::ClientError,
            // A client can ask for it at any path.
            _ if matches!(self.method, Method::Upgrade | Method::Connect) => Class::ClientError,
            _ => self.class_below_400(status),
        }
    }

    /// Whether the body of a failure states that a content filter refused.
    fn is_filtered(&self) -> bool {
        matches!(&self.answer, Some(Ok(answer)) if answer.is_filtered && !answer.malformed)
    }

    /// The status that counts; `None` where there was no response.
    fn effective_status(&self) -> Option<u16> {
        match (self.protocol, self.grpc_status) {
            (Protocol::Grpc, Some(code)) if self.status == Some(200) => {
                Some(grpc::http_status(code))
            }
            _ => self.status,
        }
    }

    /// The class of an exchange with this status, which is below 400.
    fn class_below_400(&self, status: u16) -> Class {
        let answer = self.answer.as_ref();
        if matches!(answer, Some(Ok(answer)) if answer.error) {
            return Class::Error;
        }
        match self.ending {
            StreamEnd::Aborted => return Class::Aborted,
            StreamEnd::Cut => return Class::Error,
            StreamEnd::Complete => {}
        }
        if self.protocol == Protocol::Grpc {
            return match (self.grpc_status, answer) {
                (Some(_), _) => Class::Success,
                (None, Some(Err(_))) => Class::Unread,
                (None, _) => Class::Error,
            };
        }
        // An empty body is read as an answer only where one was due.
        let is_empty = !self.has_body && !matches!(answer, Some(Ok(_)));
        let has_no_answer = matches!(status, ..200 | 202 | 204 | 205 | 300..) || is_empty;
        if self.method == Method::Bodyless || (self.is_model_path && has_no_answer) {
            return Class::NoAnswerExpected;
        }
        match answer {
            None => Class::Success,
            Some(Err(
                UnreadReason::Encoded | UnreadReason::UnknownFormat | UnreadReason::Malformed,
            )) => Class::Unread,
            Some(Ok(answer)) if answer.malformed => Class::Unread,
            Some(Ok(answer)) if !answer.finished => Class::Error,
            Some(Ok(answer)) if answer.is_pending => Class::NoAnswerExpected,
            Some(Ok(answer)) if answer.is_missing() => Class::AnswerMissing,
            Some(Ok(_)) => Class::Success,
        }
    }
}
