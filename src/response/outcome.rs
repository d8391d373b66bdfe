//! What is known about one exchange when its stream has ended.

use std::time::Duration;

use super::answer::Answer;
use super::captured_text::CapturedText;
use super::method::{Method, Protocol};
use super::stream_end::{ResponseFlags, StreamEnd};

/// Why an answer was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnreadReason {
    /// The body is compressed.
    Encoded,
    /// The format is not known.
    UnknownFormat,
    /// The body does not have its format.
    Malformed,
}

/// What is known about one exchange when its stream has ended.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// How the exchange was carried.
    pub protocol: Protocol,
    /// The kind of the request's method.
    pub method: Method,
    /// The HTTP status; `None` without a response.
    pub status: Option<u16>,
    /// The gRPC status, if there was one.
    pub grpc_status: Option<u32>,
    /// How the stream ended.
    pub ending: StreamEnd,
    /// Envoy's response flags; none where they were not read.
    pub flags: ResponseFlags,
    /// Whether the client had not ended its request when the stream ended.
    pub is_request_open: bool,
    /// Whether Envoy answered because the client did not end its request in time.
    pub is_request_overdue: bool,
    /// Whether the client had said that it waits for so long, and no longer.
    pub is_deadline_over: bool,
    /// How long the client took at least to send its request.
    pub upload: Duration,
    /// Whether another version's cluster answered in the end.
    pub has_failed_over: bool,
    /// Whether answers are read and a model answers at this path.
    pub is_model_path: bool,
    /// Whether the response had a body.
    pub has_body: bool,
    /// Whether the answer is a stream.
    pub is_stream: bool,
    /// The answer, where one was expected.
    pub answer: Option<Result<Answer, UnreadReason>>,
    /// Whether the body is an answer that was not read, because those of other units are.
    pub is_left_out: bool,
    /// What a response with embeddings states: its token counts and its model.
    pub embeddings: Option<Answer>,
    /// The time from the request's headers to the end.
    pub duration: Duration,
    /// The time from the request's headers to the first content of a stream.
    pub ttft: Option<Duration>,
}

// === impl Outcome ===

impl Outcome {
    /// The answer, if it was read.
    pub fn read_answer(&self) -> Option<&Answer> {
        match &self.answer {
            Some(Ok(answer)) if !answer.malformed => Some(answer),
            _ => None,
        }
    }

    /// Takes the text of the answer; `None` unless the request is sampled and its answer was read.
    pub fn take_text(&mut self) -> Option<CapturedText> {
        match &mut self.answer {
            Some(Ok(answer)) => answer.take_text(),
            _ => None,
        }
    }

    /// Why an expected answer was not read; `None` where it was read, or none was expected.
    pub fn unread_reason(&self) -> Option<UnreadReason> {
        match &self.answer {
            Some(Err(reason)) => Some(*reason),
            Some(Ok(answer)) if answer.malformed => Some(UnreadReason::Malformed),
            _ => None,
        }
    }

    /// Whether the client has held up an exchange that it aborted: it did not end its request, or did
    /// not read the answer. How long that took says nothing about the version.
    pub fn is_held_up(&self) -> bool {
        self.is_request_open || self.flags.is_idle()
    }

    /// Whether the exchange was a tunnel. Its peers decide how long it lasts.
    pub fn is_tunnel(&self) -> bool {
        self.protocol == Protocol::Tunnel
    }
}
