//! What a response's headers say of its body.

use super::format::Framing;
use super::grpc::{GrpcFraming, parse_code};

/// What a response's headers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// The status, if it is a number.
    pub status: Option<u16>,
    /// How the body is divided.
    pub framing: Framing,
    /// Whether the content type says that it is a stream of events, server-sent ones or
    /// Amazon's.
    pub is_event_stream: bool,
    /// Whether the body is in an encoding that is not read.
    pub is_encoded: bool,
    /// How the body is divided where it is gRPC's.
    pub grpc: Option<GrpcFraming>,
    /// The gRPC status, where it is in the headers.
    pub grpc_status: Option<u32>,
}

// === impl Head ===

impl ResponseHead {
    /// What these headers say, by lower-case name. Of one that is repeated the first
    /// counts.
    pub fn from_headers<'a>(headers: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Self {
        let (mut status, mut content_type, mut encoding, mut grpc_status) =
            (None, None, None, None);
        for (name, value) in headers {
            let place = match name {
                b":status" => &mut status,
                b"content-type" => &mut content_type,
                b"content-encoding" => &mut encoding,
                b"grpc-status" => &mut grpc_status,
                _ => continue,
            };
            place.get_or_insert(value);
        }
        let content_type = content_type.unwrap_or_default();
        let encoding = encoding.unwrap_or_default();
        let framing = Framing::from_content_type(content_type);
        Self {
            status: status.and_then(parse_status),
            framing,
            is_event_stream: framing == Framing::Amazon
                || content_type
                    .split_at_checked(EVENT_STREAM.len())
                    .is_some_and(|(kind, _)| kind.eq_ignore_ascii_case(EVENT_STREAM)),
            grpc: GrpcFraming::from_content_type(content_type),
            grpc_status: grpc_status.and_then(parse_code),
            is_encoded: !encoding.is_empty() && !encoding.eq_ignore_ascii_case(b"identity"),
        }
    }
}

const EVENT_STREAM: &[u8] = b"text/event-stream";

/// The number of a `:status` header.
pub fn parse_status(status: &[u8]) -> Option<u16> {
    str::from_utf8(status).ok()?.parse().ok()
}
