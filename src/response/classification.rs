//! What one exchange counts as. The whole rule is [`Outcome::class`]; the first row that
//! applies decides.
//!
//! | what happened | class |
//! |---|---|
//! | another version's cluster answered after a retry | [`Error`](Class::Error) |
//! | Envoy's own authorization filter denied the request | [`Neutral`](Class::Neutral) |
//! | the client broke the protocol | [`Aborted`](Class::Aborted) |
//! | no response, and the client left | [`Aborted`](Class::Aborted) |
//! | no response otherwise | [`Error`](Class::Error) |
//! | 429, or 503 by one of Envoy's own limits | as [`LimitPolicy`] says |
//! | any other 5xx | [`Error`](Class::Error) |
//! | an upgrade that came about (101, or 2xx to `CONNECT`), however the stream ended later | [`Success`](Class::Success) |
//! | an upgrade that was answered in any other way | [`Error`](Class::Error) |
//! | any other 4xx | [`ClientError`](Class::ClientError) |
//! | the answer says that it is an error | [`Error`](Class::Error) |
//! | the client left before the end | [`Aborted`](Class::Aborted) |
//! | the stream broke before its end | [`Error`](Class::Error) |
//! | gRPC without a `grpc-status` | [`Error`](Class::Error) |
//! | HEAD and OPTIONS; at a model's path also 1xx, 202, 204, 205, 3xx, or no body | [`NoAnswerExpected`](Class::NoAnswerExpected) |
//! | the body at a model's path cannot be read | [`UnreadReason`](Class::Unread) |
//! | the answer has no end | [`Error`](Class::Error) |
//! | the answer is still being made (`queued`) | [`NoAnswerExpected`](Class::NoAnswerExpected) |
//! | the body has nothing that is an answer | [`AnswerMissing`](Class::AnswerMissing) |
//! | anything else | [`Success`](Class::Success) |
//!
//! A gRPC response is judged by its `grpc-status`, mapped to an HTTP status
//! ([`grpc`]).

use super::grpc;
use super::outcome::{Outcome, UnreadReason};

/// How a request and its response are carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// An ordinary HTTP exchange.
    #[default]
    Http,
    /// gRPC or gRPC-Web: the status that counts is `grpc-status`.
    Grpc,
    /// A WebSocket or another upgrade that came about, or a `CONNECT` tunnel: its end says
    /// nothing.
    Tunnel,
}

/// What a request asks for, as far as it bears on its response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// A response that may have a body.
    #[default]
    Ordinary,
    /// By `HEAD` or `OPTIONS`: the response is no answer of a model.
    Bodyless,
    /// By `CONNECT`: a tunnel.
    Connect,
    /// Another protocol, such as WebSocket. HTTP/2's and HTTP/3's extended CONNECT reach
    /// filters in this form of HTTP/1.1.
    Upgrade,
}

/// How 429 counts, and 503 where it comes from one of Envoy's own limits.
///
/// A limit is often shared: both versions meet one provider's quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LimitPolicy {
    /// As an error that is compared with blue's. A tripwire that is `absolute`, and so
    /// compares nothing, leaves it out.
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
    /// The version answered as it should.
    Success,
    /// The version failed.
    Error,
    /// The version met a limit, and the policy is [`LimitPolicy::Compare`]: an error.
    Limited,
    /// A 2xx at a model's path without an answer in it: an error.
    AnswerMissing,
    /// The version refused the request with a 4xx.
    ClientError,
    /// The client left or broke the protocol.
    Aborted,
    /// No answer of a model was to be expected.
    NoAnswerExpected,
    /// The response succeeded, and its answer could not be read.
    Unread,
    /// The response says nothing about the version.
    Neutral,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StreamEnd {
    /// With the response's end.
    #[default]
    Complete,
    /// By the client, before the response's end.
    Aborted,
    /// By anything else, before the response's end.
    Cut,
}

/// Envoy's response flags: a bit for each thing that went wrong.
///
/// Source: `CoreResponseFlag` in Envoy's `stream_info.h`; read as the attribute
/// `response.flags`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResponseFlags(pub u64);

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

// === impl Method ===

impl Method {
    /// The method of this name, in capitals as HTTP has it.
    pub fn from_bytes(name: &[u8]) -> Self {
        match name {
            b"HEAD" | b"OPTIONS" => Self::Bodyless,
            b"CONNECT" => Self::Connect,
            _ => Self::Ordinary,
        }
    }

    /// What these request headers ask for, by lower-case name.
    pub fn from_headers<'a>(headers: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Self {
        let mut method = Self::Ordinary;
        for (name, value) in headers {
            match name {
                b":method" if method != Self::Upgrade => method = Self::from_bytes(value),
                b"upgrade" if !value.is_empty() => method = Self::Upgrade,
                _ => {}
            }
        }
        method
    }
}

// === impl ResponseFlags ===

impl ResponseFlags {
    /// Envoy's authorization service denied the request (`UAEX`).
    const DENIED: u64 = 1 << 12;
    /// The client broke the protocol (`DPE`).
    const PROTOCOL_ERROR: u64 = 1 << 18;
    /// The client's connection ended (`DC`), or it reset the stream (`DR`).
    const CLIENT_LEFT: u64 = 1 << 14 | 1 << 28;
    /// A limit of Envoy's own: circuit breaker (`UO`), rate limit (`RL`), overload manager
    /// (`OM`), load shedding by the cluster (`DO`, `UDO`).
    const LIMITED: u64 = 1 << 7 | 1 << 11 | 1 << 25 | 1 << 27 | 1 << 29;

    fn has(self, any: u64) -> bool {
        self.0 & any != 0
    }
}

// === impl Ending ===

impl StreamEnd {
    /// How a stream ended. `is_over` says that the response's own end was seen, in HTTP or
    /// in what it says; `flags` are Envoy's, if it gave any answer. `has_other_cause` is asked
    /// where that leaves it open: whether Envoy names a cause of its own.
    ///
    /// Envoy sets a flag where the upstream or Envoy itself breaks a stream, but for
    /// `max_stream_duration`, which only `response.code_details` name. On HTTP/3 it sets
    /// nothing where the client leaves (1.40).
    pub fn new(
        is_over: bool,
        flags: Option<ResponseFlags>,
        has_other_cause: impl FnOnce() -> bool,
    ) -> Self {
        match flags {
            Some(flags) if flags.has(ResponseFlags::PROTOCOL_ERROR) => Self::Aborted,
            _ if is_over => Self::Complete,
            Some(flags) if flags.has(ResponseFlags::CLIENT_LEFT) => Self::Aborted,
            Some(ResponseFlags(0)) if !has_other_cause() => Self::Aborted,
            Some(_) | None => Self::Cut,
        }
    }

    /// Whether `response.code_details` name a cause. What came from the upstream, and what
    /// has no details, ended without one.
    pub fn is_cause(details: &[u8]) -> bool {
        !details.is_empty() && details != b"via_upstream"
    }
}

// === impl Outcome ===

impl Outcome {
    /// What the exchange counts as.
    pub fn class(&self, limits: LimitPolicy) -> Class {
        if self.has_failed_over {
            return Class::Error;
        }
        if self.flags.has(ResponseFlags::DENIED) {
            return Class::Neutral;
        }
        if self.flags.has(ResponseFlags::PROTOCOL_ERROR) {
            return Class::Aborted;
        }
        let Some(status) = self.effective_status() else {
            return if self.ending == StreamEnd::Aborted { Class::Aborted } else { Class::Error };
        };
        let is_limited = self.flags.has(ResponseFlags::LIMITED);
        match status {
            429 => limits.class(),
            503 if is_limited => limits.class(),
            500.. => Class::Error,
            _ if self.protocol == Protocol::Tunnel => Class::Success,
            _ if matches!(self.method, Method::Upgrade | Method::Connect) => Class::Error,
            400..=499 => Class::ClientError,
            _ => self.class_of_body(status),
        }
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

    /// Of a status that is no failure.
    fn class_of_body(&self, status: u16) -> Class {
        let answer = self.answer.as_ref();
        if answer.is_some_and(|it| it.as_ref().is_ok_and(|answer| answer.error)) {
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
        let has_no_answer = matches!(status, ..200 | 202 | 204 | 205 | 300..) || !self.has_body;
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
