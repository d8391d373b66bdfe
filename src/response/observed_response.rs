//! Follows one response from its headers to the end of its stream.

use std::time::Duration;

use super::expected_response::ExpectedResponse;
use super::format::Format;
use super::method::{Method, Protocol};
use super::observed_body::{ObservedBody, Unrecognized};
use super::outcome::{Outcome, UnreadReason};
use super::refusal_phrases::Phrases;
use super::response_head::ResponseHead;
use super::stream_end::{ResponseFlags, StreamEnd};

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

    /// The format of the answer that is expected.
    pub fn expected_format(&self) -> Option<Format> {
        self.expected.format
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
        has_other_cause: impl FnOnce() -> bool,
    ) -> Outcome {
        let duration = self.elapsed(ended_ns);
        let is_stream = self.body.is_stream();
        let is_tunnel = self.is_tunnel();
        let mut grpc_status = self.grpc_status;
        let is_left_out = matches!(self.body, ObservedBody::LeftOut);
        let mut embeddings = None;
        let answer = match self.body {
            ObservedBody::Ignored | ObservedBody::LeftOut => None,
            ObservedBody::GrpcWeb(trailers) => {
                grpc_status = trailers.status().or(grpc_status);
                None
            }
            ObservedBody::Unread(reason) => Some(Err(reason)),
            ObservedBody::Answer { parser, unrecognized, .. } => {
                let answer = parser.finish();
                match unrecognized.filter(|_| !answer.is_recognized) {
                    None if answer.is_list && !answer.has_answer => None,
                    None => Some(Ok(answer)),
                    Some(Unrecognized::Unread) => Some(Err(UnreadReason::UnknownFormat)),
                    Some(Unrecognized::Ignored) => None,
                }
            }
            ObservedBody::Error(parser) => {
                let answer = parser.finish();
                answer.is_filtered.then_some(Ok(answer))
            }
            ObservedBody::Embeddings(parser) => {
                embeddings = Some(parser.finish()).filter(|answer| !answer.malformed);
                None
            }
        };
        let is_finished = matches!(&answer, Some(Ok(answer)) if answer.finished);
        let is_over = self.is_complete || is_finished || is_tunnel;
        let is_failure = self.status.is_some_and(|status| status >= 400)
            || grpc_status.is_some_and(|code| code != 0);
        let flags = if is_over && !is_failure { Some(ResponseFlags::default()) } else { flags() };
        Outcome {
            protocol: match () {
                () if is_tunnel => Protocol::Tunnel,
                () if self.is_grpc => Protocol::Grpc,
                () => Protocol::Http,
            },
            method: self.expected.method,
            status: self.status,
            grpc_status,
            ending: StreamEnd::new(is_over, self.body_bytes, flags, has_other_cause),
            flags: flags.unwrap_or_default(),
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
