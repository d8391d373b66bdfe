//! Follows one response from its headers to the end of its stream.

use std::time::Duration;

use super::expected_response::ExpectedResponse;
use super::grpc::{DEADLINE_EXCEEDED, parse_timeout};
use super::method::{Method, Protocol};
use super::observed_body::{FinishedBody, ObservedBody};
use super::outcome::{Outcome, UnreadReason};
use super::refusal_phrases::Phrases;
use super::response_head::ResponseHead;
use super::stream_end::{BUFFERED_BYTES, ResponseFlags, StreamEnd};

/// Follows one response from its headers to the end of its stream.
///
/// All times are in nanoseconds of a monotonic clock.
///
/// ```
/// use verdigris::response::{ExpectedResponse, Format, Method, ObservedResponse, Phrases};
/// use verdigris::response::{ResponseHead, StreamEnd};
/// let expected = ExpectedResponse {
///     format: Some(Format::Chat), is_model_path: true, ..ExpectedResponse::default()
/// };
/// let mut response = ObservedResponse::new(expected, 0);
/// let headers: [(&[u8], &[u8]); 2] = [(b":status", b"200"), (b"content-type", b"application/json")];
/// let head = ResponseHead::from_headers(headers.into_iter());
/// response.on_headers(Some(head), Some(&Phrases::default()), false, false);
/// let body = br#"{"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]}"#;
/// if response.on_body(body.len(), true) {
///     response.read_body(body, || 2_000_000);
/// }
/// let outcome = response.finish(3_000_000, || None, || false);
/// assert_eq!((outcome.ending, outcome.duration.as_millis()), (StreamEnd::Complete, 3));
/// assert!(outcome.read_answer().unwrap().has_content);
/// ```
#[derive(Clone, Debug)]
pub struct ObservedResponse {
    expected: ExpectedResponse,
    started_ns: u64,
    is_request_open: bool,
    upload: Duration,
    status: Option<u16>,
    grpc_status: Option<u32>,
    is_grpc: bool,
    /// The bytes of the body so far.
    body_bytes: u64,
    body: ObservedBody,
    ttft: Option<Duration>,
    is_complete: bool,
    has_failed_over: bool,
    /// How many bytes of the answer's text are kept; `None` where the request is not sampled.
    captured_bytes: Option<usize>,
}

// === impl ObservedResponse ===

impl ObservedResponse {
    /// Starts when the headers of the request have arrived.
    pub fn new(expected: ExpectedResponse, started_ns: u64) -> Self {
        Self {
            expected,
            started_ns,
            is_request_open: false,
            upload: Duration::ZERO,
            status: None,
            grpc_status: None,
            is_grpc: expected.is_grpc,
            body_bytes: 0,
            body: ObservedBody::Ignored,
            ttft: None,
            is_complete: false,
            has_failed_over: false,
            captured_bytes: None,
        }
    }

    /// Keeps the text of the answer, if it has at most `max_bytes` bytes.
    pub fn capture_text(&mut self, max_bytes: usize) {
        self.captured_bytes = Some(max_bytes);
    }

    /// The client has not ended its request yet.
    pub fn await_request(&mut self) {
        self.is_request_open = true;
    }

    /// The client has ended its request, at `ended_ns` at the earliest.
    pub fn on_request_end(&mut self, ended_ns: u64) {
        self.is_request_open = false;
        self.upload = self.elapsed(ended_ns);
    }

    /// When the headers of the request arrived.
    pub fn started_ns(&self) -> u64 {
        self.started_ns
    }

    /// Whether the end of the response has arrived.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Whether others than the version may decide how long the response lasts: it is a tunnel, or so much
    /// of it that Envoy may have stopped reading from the upstream of a client that does not read.
    pub fn is_held_open(&self) -> bool {
        self.is_tunnel() || self.body_bytes >= BUFFERED_BYTES
    }

    /// The headers of the response have arrived.
    ///
    /// `head` is `None` where the host does not provide the headers. `phrases` are the refusal
    /// phrases; `None` where answers are not read.
    pub fn on_headers(
        &mut self,
        head: Option<ResponseHead>,
        phrases: Option<&Phrases>,
        has_failed_over: bool,
        is_end_of_stream: bool,
    ) {
        self.is_complete |= is_end_of_stream;
        self.has_failed_over = has_failed_over;
        let Some(head) = head else { return };
        self.status = head.status;
        self.is_grpc |= head.grpc.is_some();
        self.grpc_status = head.grpc_status.filter(|_| self.is_grpc);
        self.body = ObservedBody::new(&head, &self.expected, phrases);
        if let Some(max_bytes) = self.captured_bytes {
            self.body.capture_text(max_bytes);
        }
    }

    /// A piece of the body with `size` bytes has arrived. Returns whether its bytes are to be
    /// given to [`read_body`](Self::read_body).
    pub fn on_body(&mut self, size: usize, is_end_of_stream: bool) -> bool {
        self.is_complete |= is_end_of_stream;
        self.body_bytes = self.body_bytes.saturating_add(size as u64);
        size > 0 && self.body.is_read()
    }

    /// Reads the bytes of a piece of the body. `now_ns` is called at the first content of a
    /// stream.
    pub fn read_body(&mut self, bytes: &[u8], now_ns: impl FnOnce() -> u64) {
        self.body.feed(bytes);
        if self.ttft.is_none() && self.body.is_stream_with_content() {
            self.ttft = Some(self.elapsed(now_ns()));
        }
    }

    /// The host does not provide the bytes of a piece of the body: the answer is unread.
    pub fn on_unreadable_body(&mut self) {
        self.body = ObservedBody::Unread(UnreadReason::Malformed);
    }

    /// The client's `grpc-timeout`, where the request's headers have not been read.
    pub fn set_deadline(&mut self, grpc_timeout: Option<&[u8]>) {
        self.expected.deadline = grpc_timeout.and_then(parse_timeout);
    }

    /// The trailers of the response have arrived, and with them its end. `grpc_status` reads
    /// the status from them; it is called only for gRPC.
    pub fn on_trailers(&mut self, grpc_status: impl FnOnce() -> Option<u32>) {
        self.is_complete = true;
        if self.is_grpc {
            self.grpc_status = grpc_status().or(self.grpc_status);
        }
    }

    /// The stream has ended, in whatever way.
    ///
    /// `flags` reads Envoy's response flags, and `has_other_cause` says whether its response
    /// details name a cause ([`StreamEnd::is_cause`]). Each costs a call to the host, and is
    /// called only where something may have gone wrong.
    pub fn finish(
        self,
        ended_ns: u64,
        flags: impl FnOnce() -> Option<ResponseFlags>,
        has_other_cause: impl Fn() -> bool,
    ) -> Outcome {
        let duration = self.elapsed(ended_ns);
        let is_stream = self.body.is_stream();
        let is_tunnel = self.is_tunnel();
        let FinishedBody { answer, embeddings, grpc_status, is_left_out } =
            self.body.finish(self.body_bytes == 0);
        let grpc_status = grpc_status.or(self.grpc_status);
        let is_finished = matches!(&answer, Some(Ok(answer)) if answer.finished);
        let is_over = self.is_complete || is_finished || is_tunnel;
        let is_failure = self.status.is_some_and(|status| status >= 400)
            || grpc_status.is_some_and(|code| code != 0);
        let flags = if is_over && !is_failure { Some(ResponseFlags::default()) } else { flags() };
        let is_idle = flags.is_some_and(ResponseFlags::is_idle);
        let is_request_overdue = match self.status {
            Some(408) => is_idle || has_other_cause(),
            // gRPC has no status of its own for it.
            _ => is_idle && is_failure && self.is_grpc && self.is_request_open,
        };
        let is_deadline_over = self.is_grpc
            && self.expected.deadline.is_some_and(|deadline| duration >= deadline)
            && match grpc_status {
                Some(code) => code == DEADLINE_EXCEEDED || flags.is_some_and(|it| it.is_timeout()),
                None => !is_over,
            };
        let ending = match is_deadline_over {
            true => StreamEnd::Aborted,
            false => StreamEnd::new(is_over, self.body_bytes, flags, has_other_cause),
        };
        Outcome {
            protocol: match () {
                () if is_tunnel => Protocol::Tunnel,
                () if self.is_grpc => Protocol::Grpc,
                () => Protocol::Http,
            },
            method: self.expected.method,
            status: self.status,
            grpc_status,
            ending,
            flags: flags.unwrap_or_default(),
            is_request_open: self.is_request_open,
            is_request_overdue,
            is_deadline_over,
            upload: self.upload,
            has_failed_over: self.has_failed_over,
            is_model_path: self.expected.is_model_path,
            has_body: self.body_bytes > 0,
            is_stream,
            ttft: self.ttft.filter(|_| answer.is_some()),
            answer,
            is_left_out,
            embeddings,
            duration,
        }
    }

    /// Whether the response established a tunnel.
    pub fn is_tunnel(&self) -> bool {
        match self.status {
            Some(101) => true,
            Some(200..=299) => self.expected.method == Method::Connect,
            _ => false,
        }
    }

    fn elapsed(&self, now_ns: u64) -> Duration {
        Duration::from_nanos(now_ns.saturating_sub(self.started_ns))
    }
}
