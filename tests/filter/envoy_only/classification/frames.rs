//! HTTP/2 frames. The tests send frames that a library would refuse to send.

use std::io::{Read, Result, Write};

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Error codes of RFC 9113, section 7.
pub const INTERNAL_ERROR: u32 = 2;
pub const CANCEL: u32 = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    Data,
    Headers,
    Reset,
    Settings,
    Ping,
    PushPromise,
    GoAway,
    WindowUpdate,
    Other,
}

pub struct Frame {
    pub kind: FrameKind,
    flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

// === impl Frame ===

impl Frame {
    pub fn headers(stream: u32, fields: &[(&str, &str)], ends_stream: bool) -> Self {
        Self::new(FrameKind::Headers, 0x4 | u8::from(ends_stream), stream, header_block(fields))
    }

    pub fn data(stream: u32, bytes: &[u8], ends_stream: bool) -> Self {
        Self::new(FrameKind::Data, u8::from(ends_stream), stream, bytes.to_vec())
    }

    pub fn reset(stream: u32, code: u32) -> Self {
        Self::new(FrameKind::Reset, 0, stream, code.to_be_bytes().to_vec())
    }

    pub fn go_away() -> Self {
        Self::new(FrameKind::GoAway, 0, 0, vec![0; 8])
    }

    pub fn settings() -> Self {
        Self::new(FrameKind::Settings, 0, 0, Vec::new())
    }

    pub fn window_update(stream: u32, increment: u32) -> Self {
        Self::new(FrameKind::WindowUpdate, 0, stream, increment.to_be_bytes().to_vec())
    }

    pub fn push_promise(stream: u32, promised: u32, fields: &[(&str, &str)]) -> Self {
        let mut payload = promised.to_be_bytes().to_vec();
        payload.extend(header_block(fields));
        Self::new(FrameKind::PushPromise, 0x4, stream, payload)
    }

    fn new(kind: FrameKind, flags: u8, stream: u32, payload: Vec<u8>) -> Self {
        Self { kind, flags, stream, payload }
    }

    pub fn ends_stream(&self) -> bool {
        matches!(self.kind, FrameKind::Data | FrameKind::Headers) && self.flags & 0x1 != 0
    }

    pub fn write(&self, to: &mut impl Write) -> Result<()> {
        let kind = match self.kind {
            FrameKind::Data => 0,
            FrameKind::Headers => 1,
            FrameKind::Reset => 3,
            FrameKind::Settings => 4,
            FrameKind::PushPromise => 5,
            FrameKind::Ping => 6,
            FrameKind::GoAway => 7,
            FrameKind::WindowUpdate => 8,
            FrameKind::Other => 0xff,
        };
        let length = u32::try_from(self.payload.len()).unwrap().to_be_bytes();
        let mut bytes = length[1..].to_vec();
        bytes.extend([kind, self.flags]);
        bytes.extend(self.stream.to_be_bytes());
        bytes.extend(&self.payload);
        to.write_all(&bytes)
    }

    /// Reads the next frame. Acknowledges SETTINGS and answers PING.
    pub fn read(from: &mut (impl Read + Write)) -> Result<Self> {
        let mut head = [0; 9];
        from.read_exact(&mut head)?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let kind = match kind {
            0 => FrameKind::Data,
            1 => FrameKind::Headers,
            3 => FrameKind::Reset,
            4 => FrameKind::Settings,
            6 => FrameKind::Ping,
            7 => FrameKind::GoAway,
            8 => FrameKind::WindowUpdate,
            _ => FrameKind::Other,
        };
        let length = u32::from_be_bytes([0, a, b, c]);
        let mut payload = vec![0; length as usize];
        from.read_exact(&mut payload)?;
        if matches!(kind, FrameKind::Settings | FrameKind::Ping) && flags & 0x1 == 0 {
            let echo = if kind == FrameKind::Ping { payload.clone() } else { Vec::new() };
            Self::new(kind, 0x1, 0, echo).write(from)?;
        }
        Ok(Self { kind, flags, stream: u32::from_be_bytes(stream), payload })
    }
}

/// A header block of HPACK literals without indexing.
fn header_block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut header_block = Vec::new();
    for (name, value) in fields {
        header_block.push(0);
        for text in [name, value] {
            // The prefix of an integer has 7 bits; no text here is longer than 254.
            match text.len() {
                short @ 0..127 => header_block.push(u8::try_from(short).unwrap()),
                long => header_block.extend([127, u8::try_from(long - 127).unwrap()]),
            }
            header_block.extend(text.bytes());
        }
    }
    header_block
}
