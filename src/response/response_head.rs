//! What the headers of a response say about its body.

use super::format::Framing;
use super::grpc::{GrpcFraming, parse_code};

/// What the headers of a response say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// The status, if it is a number.
    pub status: Option<u16>,
    /// How the body is divided.
    pub framing: Framing,
    /// Whether the content type is a stream of events: server-sent ones, or Amazon's.
    pub is_event_stream: bool,
    /// Whether the body has a content encoding. Encoded bodies are not read.
    pub is_encoded: bool,
    /// How the body is divided, where it is gRPC.
    pub grpc: Option<GrpcFraming>,
    /// The gRPC status, where the headers have it.
    pub grpc_status: Option<u32>,
}

/// Content encodings that change nothing. `none` is not registered, and some servers send it.
const PLAIN: [&[u8]; 3] = [b"", b"identity", b"none"];

const EVENT_STREAM: &[u8] = b"text/event-stream";

// === impl ResponseHead ===

impl ResponseHead {
    /// Reads the headers, whose names are in lower case. Of a repeated header the first one
    /// counts.
    pub fn from_headers<'a>(headers: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Self {
        let (mut status, mut content_type, mut encoding, mut grpc_status) =
            (None, None, None, None);
        for (name, value) in headers {
            let target = match name {
                b":status" => &mut status,
                b"content-type" => &mut content_type,
                b"content-encoding" => &mut encoding,
                b"grpc-status" => &mut grpc_status,
                _ => continue,
            };
            target.get_or_insert(value);
        }
        let content_type = content_type.unwrap_or_default();
        let encoding = encoding.unwrap_or_default();
        let framing = Framing::from_content_type(content_type);
        Self {
            status: status.and_then(parse_status),
            framing,
            is_event_stream: framing == Framing::AwsEventStream
                || content_type
                    .split_at_checked(EVENT_STREAM.len())
                    .is_some_and(|(start, _)| start.eq_ignore_ascii_case(EVENT_STREAM)),
            grpc: GrpcFraming::from_content_type(content_type),
            grpc_status: grpc_status.and_then(parse_code),
            is_encoded: !PLAIN.iter().any(|it| it.eq_ignore_ascii_case(encoding)),
        }
    }
}

/// Parses the value of a `:status` header.
pub fn parse_status(status: &[u8]) -> Option<u16> {
    str::from_utf8(status).ok()?.parse().ok()
}
