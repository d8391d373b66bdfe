//! gRPC's status: its mapping to HTTP, and where gRPC-Web carries it.
//!
//! Sources: `google/rpc/code.proto` for the mapping; PROTOCOL-WEB.md of gRPC for the
//! trailer frame.

/// How a gRPC body is divided, by its content type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrpcFraming {
    /// gRPC: the status is in HTTP's headers or trailers.
    Native,
    /// gRPC-Web: the status may be in the body's last frame.
    Web,
    /// gRPC-Web, encoded in base64.
    WebText,
}

/// Finds `grpc-status` in the body of a gRPC-Web response, in whatever pieces it comes.
///
/// A frame is a byte of flags, four bytes of length (big endian), and that many bytes. The
/// frame with the highest flag holds trailers as HTTP/1 header lines. No message is kept.
#[derive(Clone, Debug)]
pub struct WebTrailers {
    base64: Option<Base64>,
    /// The bytes of a frame's head that have come, and how many of them.
    head: [u8; 5],
    head_length: usize,
    /// How many bytes of the frame are still to come.
    left: u32,
    is_trailer: bool,
    trailers: Vec<u8>,
}

/// A decoder of base64 that carries on over pieces, and over padding in the middle, which
/// gRPC-Web's text form has at the end of each piece.
#[derive(Clone, Copy, Debug, Default)]
struct Base64 {
    bits: u32,
    count: u32,
}

/// How many bytes of trailers are looked at.
const MAX_TRAILER_BYTES: usize = 4096;

/// The HTTP status of a gRPC status code. An unknown code is an error.
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

/// The code of a `grpc-status` value.
pub fn parse_code(value: &[u8]) -> Option<u32> {
    str::from_utf8(value).ok()?.trim().parse().ok()
}

// === impl GrpcFraming ===

impl GrpcFraming {
    /// The framing of a content type, if that is gRPC's.
    pub fn from_content_type(content_type: &[u8]) -> Option<Self> {
        let kind = content_type.split(|byte| *byte == b';').next().unwrap_or_default();
        let kind = kind.trim_ascii();
        // Each may have a message format behind it, such as `+proto`.
        let is = |name: &[u8]| {
            let parts = kind.split_at_checked(name.len());
            parts.is_some_and(|(kind, rest)| {
                kind.eq_ignore_ascii_case(name) && (rest.is_empty() || rest.starts_with(b"+"))
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
    /// A finder for a body that is encoded in base64, or is not.
    pub fn new(is_text: bool) -> Self {
        Self {
            base64: is_text.then(Base64::default),
            head: [0; 5],
            head_length: 0,
            left: 0,
            is_trailer: false,
            trailers: Vec::new(),
        }
    }

    /// Looks at the next bytes of the body.
    pub fn feed(&mut self, bytes: &[u8]) {
        let Some(mut base64) = self.base64 else { return self.frames(bytes) };
        let decoded: Vec<u8> = bytes.iter().filter_map(|byte| base64.decode(*byte)).collect();
        self.base64 = Some(base64);
        self.frames(&decoded);
    }

    /// The status, if the body held one.
    pub fn status(&self) -> Option<u32> {
        self.trailers.split(|byte| *byte == b'\n').find_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let (name, value) = line.split_at_checked(colon)?;
            let is_status = name.trim_ascii().eq_ignore_ascii_case(b"grpc-status");
            is_status.then(|| parse_code(value.get(1..)?)).flatten()
        })
    }

    fn frames(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.left == 0 {
                let Some((byte, rest)) = bytes.split_first() else { return };
                bytes = rest;
                if let Some(place) = self.head.get_mut(self.head_length) {
                    *place = *byte;
                }
                self.head_length += 1;
                if self.head_length == self.head.len() {
                    let [flags, length @ ..] = self.head;
                    self.is_trailer = flags & 0x80 != 0;
                    self.left = u32::from_be_bytes(length);
                    self.head_length = 0;
                }
                continue;
            }
            let size = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
            let Some((piece, rest)) = bytes.split_at_checked(size) else { return };
            if self.is_trailer {
                let room = MAX_TRAILER_BYTES.saturating_sub(self.trailers.len());
                self.trailers.extend(piece.iter().take(room));
            }
            self.left = self.left.saturating_sub(u32::try_from(size).unwrap_or(u32::MAX));
            bytes = rest;
        }
    }
}

// === impl Base64 ===

impl Base64 {
    /// A byte, if this character completes one.
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
        self.count += 6;
        if self.count < 8 {
            return None;
        }
        self.count -= 8;
        Some((self.bits >> self.count & 0xff) as u8)
    }
}
