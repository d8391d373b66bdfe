//! The gRPC status: its mapping to HTTP, and its place in a gRPC-Web body.
//!
//! Sources: `google/rpc/code.proto` for the mapping; gRPC's `PROTOCOL-WEB.md` for the
//! trailer frame.

use std::time::Duration;

/// The status of a call that has taken longer than its client waits.
pub const DEADLINE_EXCEEDED: u32 = 4;

/// The framing of a gRPC body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrpcFraming {
    /// gRPC: the status is in the HTTP headers or trailers.
    Native,
    /// gRPC-Web: the status may be in the body's last frame.
    Web,
    /// gRPC-Web, encoded as base64.
    WebText,
}

/// Finds `grpc-status` in the body of a gRPC-Web response that arrives in pieces.
///
/// A frame is a byte of flags, four bytes of length (big endian), and that many bytes. A frame
/// whose highest flag is set holds trailers as HTTP/1 header lines. Messages are not kept.
#[derive(Clone, Debug)]
pub struct WebTrailers {
    base64: Option<Base64>,
    /// The bytes of the frame's header so far, and their number.
    header: [u8; 5],
    header_length: usize,
    /// How many bytes of the frame are missing.
    bytes_left: u32,
    is_trailer: bool,
    trailers: Vec<u8>,
}

/// A base64 decoder that continues across pieces, and after padding within the body: gRPC-Web
/// pads each chunk.
#[derive(Clone, Copy, Debug, Default)]
struct Base64 {
    bits: u32,
    bit_count: u32,
}

/// How many bytes of trailers are kept.
const MAX_TRAILER_BYTES: usize = 4096;

/// The HTTP status of a gRPC status code; 500 for an unknown code.
pub fn http_status(code: u32) -> u16 {
    match code {
        0 => 200,
        1 => 499,
        3 | 9 | 11 => 400,
        4 => 504,
        5 => 404,
        6 | 10 => 409,
        7 => 403,
        8 => 429,
        12 => 501,
        14 => 503,
        16 => 401,
        _ => 500,
    }
}

/// Parses the value of a `grpc-timeout` header: the time after which the client waits no longer.
///
/// Source: gRPC's `PROTOCOL-HTTP2.md`: up to eight digits and a unit.
///
/// ```
/// use std::time::Duration;
/// use verdigris::response::grpc::parse_timeout;
/// assert_eq!(parse_timeout(b"2S"), Some(Duration::from_secs(2)));
/// assert_eq!(parse_timeout(b"100m"), Some(Duration::from_millis(100)));
/// assert_eq!(parse_timeout(b"1 S"), None);
/// ```
pub fn parse_timeout(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    let is_number = (1..=8).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    let count: u64 = str::from_utf8(digits).ok()?.parse().ok().filter(|_| is_number)?;
    Some(match unit {
        b'H' => Duration::from_secs(count * 3_600),
        b'M' => Duration::from_secs(count * 60),
        b'S' => Duration::from_secs(count),
        b'm' => Duration::from_millis(count),
        b'u' => Duration::from_micros(count),
        b'n' => Duration::from_nanos(count),
        _ => return None,
    })
}

/// Parses the value of a `grpc-status` header.
pub fn parse_code(value: &[u8]) -> Option<u32> {
    str::from_utf8(value).ok()?.trim().parse().ok()
}

// === impl GrpcFraming ===

impl GrpcFraming {
    /// The framing of a content type; `None` where it is not gRPC.
    pub fn from_content_type(content_type: &[u8]) -> Option<Self> {
        let media_type = content_type.split(|byte| *byte == b';').next().unwrap_or_default();
        let media_type = media_type.trim_ascii();
        // A message format may follow the name, such as `+proto`.
        let is = |name: &[u8]| {
            let parts = media_type.split_at_checked(name.len());
            parts.is_some_and(|(start, rest)| {
                start.eq_ignore_ascii_case(name) && (rest.is_empty() || rest.starts_with(b"+"))
            })
        };
        match () {
            () if is(b"application/grpc") => Some(Self::Native),
            () if is(b"application/grpc-web") => Some(Self::Web),
            () if is(b"application/grpc-web-text") => Some(Self::WebText),
            () => None,
        }
    }
}

// === impl WebTrailers ===

impl WebTrailers {
    /// Starts a body. `is_base64` says whether it is encoded as base64.
    pub fn new(is_base64: bool) -> Self {
        Self {
            base64: is_base64.then(Base64::default),
            header: [0; 5],
            header_length: 0,
            bytes_left: 0,
            is_trailer: false,
            trailers: Vec::new(),
        }
    }

    /// Reads the next piece of the body.
    pub fn feed(&mut self, bytes: &[u8]) {
        let Some(mut base64) = self.base64 else { return self.read_frames(bytes) };
        let decoded: Vec<u8> = bytes.iter().filter_map(|byte| base64.decode(*byte)).collect();
        self.base64 = Some(base64);
        self.read_frames(&decoded);
    }

    /// The gRPC status, if the body had one.
    pub fn status(&self) -> Option<u32> {
        self.trailers.split(|byte| *byte == b'\n').find_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let (name, value) = line.split_at_checked(colon)?;
            let is_status = name.trim_ascii().eq_ignore_ascii_case(b"grpc-status");
            is_status.then(|| parse_code(value.get(1..)?)).flatten()
        })
    }

    fn read_frames(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.bytes_left == 0 {
                let Some((byte, rest)) = bytes.split_first() else { return };
                bytes = rest;
                if let Some(next) = self.header.get_mut(self.header_length) {
                    *next = *byte;
                }
                self.header_length += 1;
                if self.header_length == self.header.len() {
                    let [flags, length @ ..] = self.header;
                    self.is_trailer = flags & 0x80 != 0;
                    self.bytes_left = u32::from_be_bytes(length);
                    self.header_length = 0;
                }
                continue;
            }
            let size = usize::try_from(self.bytes_left).unwrap_or(usize::MAX).min(bytes.len());
            let Some((piece, rest)) = bytes.split_at_checked(size) else { return };
            if self.is_trailer {
                let free = MAX_TRAILER_BYTES.saturating_sub(self.trailers.len());
                self.trailers.extend(piece.iter().take(free));
            }
            let size = u32::try_from(size).unwrap_or(u32::MAX);
            self.bytes_left = self.bytes_left.saturating_sub(size);
            bytes = rest;
        }
    }
}

// === impl Base64 ===

impl Base64 {
    /// Decodes a character. Returns a byte where the character completes one.
    fn decode(&mut self, character: u8) -> Option<u8> {
        let value = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' => {
                *self = Self::default();
                return None;
            }
            _ => return None,
        };
        self.bits = self.bits << 6 | u32::from(value);
        self.bit_count += 6;
        if self.bit_count < 8 {
            return None;
        }
        self.bit_count -= 8;
        Some((self.bits >> self.bit_count & 0xff) as u8)
    }
}
