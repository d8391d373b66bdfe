//! Frames of HTTP/2: a test sends what a library does not let it send.

use std::io::{Read, Result, Write};

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Error codes of RFC 9113, section 7.
pub const INTERNAL_ERROR: u32 = 2;
pub const CANCEL: u32 = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Data,
    Headers,
    Reset,
    Settings,
    Ping,
    GoAway,
    WindowUpdate,
    Other,
}

pub struct Frame {
    pub kind: Kind,
    flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

// === impl Frame ===

impl Frame {
    pub fn headers(stream: u32, fields: &[(&str, &str)], ends: bool) -> Self {
        Self::of(Kind::Headers, 0x4 | u8::from(ends), stream, block(fields))
    }

    pub fn data(stream: u32, bytes: &[u8], ends: bool) -> Self {
        Self::of(Kind::Data, u8::from(ends), stream, bytes.to_vec())
    }

    pub fn reset(stream: u32, code: u32) -> Self {
        Self::of(Kind::Reset, 0, stream, code.to_be_bytes().to_vec())
    }

    pub fn go_away() -> Self {
        Self::of(Kind::GoAway, 0, 0, vec![0; 8])
    }

    pub fn settings() -> Self {
        Self::of(Kind::Settings, 0, 0, Vec::new())
    }

    fn of(kind: Kind, flags: u8, stream: u32, payload: Vec<u8>) -> Self {
        Self { kind, flags, stream, payload }
    }

    pub fn ends_stream(&self) -> bool {
        matches!(self.kind, Kind::Data | Kind::Headers) && self.flags & 0x1 != 0
    }

    pub fn write(&self, to: &mut impl Write) -> Result<()> {
        let kind = match self.kind {
            Kind::Data => 0,
            Kind::Headers => 1,
            Kind::Reset => 3,
            Kind::Settings => 4,
            Kind::Ping => 6,
            Kind::GoAway => 7,
            Kind::WindowUpdate => 8,
            Kind::Other => 0xff,
        };
        let length = u32::try_from(self.payload.len()).unwrap().to_be_bytes();
        let mut bytes = length[1..].to_vec();
        bytes.extend([kind, self.flags]);
        bytes.extend(self.stream.to_be_bytes());
        bytes.extend(&self.payload);
        to.write_all(&bytes)
    }

    /// The next frame. What the connection itself asks for is answered.
    pub fn read(from: &mut (impl Read + Write)) -> Result<Self> {
        let mut head = [0; 9];
        from.read_exact(&mut head)?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let kind = match kind {
            0 => Kind::Data,
            1 => Kind::Headers,
            3 => Kind::Reset,
            4 => Kind::Settings,
            6 => Kind::Ping,
            7 => Kind::GoAway,
            8 => Kind::WindowUpdate,
            _ => Kind::Other,
        };
        let length = u32::from_be_bytes([0, a, b, c]);
        let mut payload = vec![0; length as usize];
        from.read_exact(&mut payload)?;
        if matches!(kind, Kind::Settings | Kind::Ping) && flags & 0x1 == 0 {
            let echo = if kind == Kind::Ping { payload.clone() } else { Vec::new() };
            Self::of(kind, 0x1, 0, echo).write(from)?;
        }
        Ok(Self { kind, flags, stream: u32::from_be_bytes(stream), payload })
    }
}

/// A block of fields as HPACK's literals without indexing.
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            // The prefix of an integer has 7 bits; no text here is longer than 254.
            match text.len() {
                short @ 0..127 => block.push(u8::try_from(short).unwrap()),
                long => block.extend([127, u8::try_from(long - 127).unwrap()]),
            }
            block.extend(text.bytes());
        }
    }
    block
}
