//! Framing of Amazon's event streams: messages to events, without keeping either.
//!
//! A message is, with all numbers big-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | the length of all of it |
//! | 4 | the length of its headers |
//! | 4 | CRC-32 of these eight bytes |
//! | … | headers: length and name, kind of the value, the value |
//! | … | payload |
//! | 4 | CRC-32 of all that is before |
//!
//! Of the headers only `:message-type` is looked at, which tells an exception from an
//! event. Both checksums are checked: of a stream in which one is wrong nothing after
//! it can be found. Source: AWS, "Event stream encoding"; the bounds are those of
//! botocore, which AWS's own client for Python is made of.

use super::sse::FramedData;
use crate::json::prefix::Prefix;

/// The framing's state between two pieces of a body.
#[derive(Clone, Copy, Debug)]
pub struct EventStreamParser {
    part: MessagePart,
    /// Bytes of the part that are still to come.
    left: usize,
    /// The part's value so far, where it is a number.
    number: u32,
    /// The message's length.
    message: u32,
    /// Bytes of headers that are still to come, after the part at hand.
    headers: usize,
    payload: usize,
    /// The checksum of the message so far, and that of its first eight bytes.
    checksum: Crc32,
    prelude: Crc32,
    /// The header's name, then its value.
    text: Prefix<{ Self::MAX_TEXT }>,
    is_message_type: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MessagePart {
    Length,
    HeadersLength,
    PreludeChecksum,
    NameLength,
    Name,
    ValueKind,
    ValueLength,
    Value,
    Payload,
    Checksum,
    /// Not such a stream.
    Broken,
}

/// The CRC-32 of gzip (ISO 3309, RFC 1952 section 8), four bits at a time: a table for
/// eight would be a kilobyte of the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Crc32(u32);

// === impl Amazon ===

impl Default for EventStreamParser {
    fn default() -> Self {
        Self {
            part: MessagePart::Length,
            left: 4,
            number: 0,
            message: 0,
            headers: 0,
            payload: 0,
            checksum: Crc32::NONE,
            prelude: Crc32::NONE,
            text: Prefix::default(),
            is_message_type: false,
        }
    }
}

impl EventStreamParser {
    /// The longest headers and the longest payload that are read.
    const MAX_HEADERS: usize = 128 << 10;
    const MAX_PAYLOAD: usize = 24 << 20;
    /// What a message has beside headers and payload.
    const OVERHEAD: usize = 16;
    /// As much of a header's name or value as is needed to know it.
    const MAX_TEXT: usize = MESSAGE_TYPE.len();

    /// Whether the body turned out not to be such a stream.
    pub fn is_broken(&self) -> bool {
        self.part == MessagePart::Broken
    }

    /// Whether no message has begun that has not ended.
    pub fn is_between_messages(&self) -> bool {
        self.part == MessagePart::Length && self.left == 4
    }

    /// Reads on, and gives `sink` the parts of events: a message's type as the event's
    /// name, its payload as data.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut impl FnMut(FramedData<'_>)) {
        let mut rest = bytes;
        while !rest.is_empty() && self.part != MessagePart::Broken {
            let (run, after) = rest.split_at_checked(self.left).unwrap_or((rest, &[]));
            rest = after;
            self.left -= run.len();
            if self.part != MessagePart::Checksum {
                self.checksum.push(run);
            }
            match self.part {
                MessagePart::Payload => sink(FramedData::Data(run)),
                MessagePart::Name | MessagePart::Value => self.text.push(run),
                _ => run.iter().for_each(|byte| self.number = self.number << 8 | u32::from(*byte)),
            }
            // What has no bytes, as an empty payload, is over with what is before it.
            while self.left == 0 && self.part != MessagePart::Broken {
                self.end_part(sink);
            }
        }
    }

    fn end_part(&mut self, sink: &mut impl FnMut(FramedData<'_>)) {
        let number = std::mem::take(&mut self.number);
        let length = usize::try_from(number).unwrap_or(usize::MAX);
        match self.part {
            MessagePart::Length => {
                self.message = number;
                self.expect(MessagePart::HeadersLength, 4);
            }
            MessagePart::HeadersLength => {
                self.headers = length;
                self.prelude = self.checksum;
                self.expect(MessagePart::PreludeChecksum, 4);
            }
            MessagePart::PreludeChecksum => {
                let message = usize::try_from(self.message).unwrap_or(usize::MAX);
                let payload = message.checked_sub(self.headers.saturating_add(Self::OVERHEAD));
                match payload {
                    Some(payload)
                        if self.prelude.value() == number
                            && self.headers <= Self::MAX_HEADERS
                            && payload <= Self::MAX_PAYLOAD =>
                    {
                        self.payload = payload;
                        self.expect_header();
                    }
                    _ => self.part = MessagePart::Broken,
                }
            }
            MessagePart::NameLength => {
                self.text.clear();
                self.expect_in_headers(MessagePart::Name, length);
            }
            MessagePart::Name => {
                self.is_message_type = self.text.complete() == Some(MESSAGE_TYPE);
                self.expect_in_headers(MessagePart::ValueKind, 1);
            }
            MessagePart::ValueKind => {
                self.text.clear();
                match number {
                    // True and false are their kind.
                    0 | 1 => self.expect_header(),
                    2 => self.expect_in_headers(MessagePart::Value, 1),
                    3 => self.expect_in_headers(MessagePart::Value, 2),
                    4 => self.expect_in_headers(MessagePart::Value, 4),
                    // A long and a time.
                    5 | 8 => self.expect_in_headers(MessagePart::Value, 8),
                    // Bytes and a text.
                    6 | 7 => self.expect_in_headers(MessagePart::ValueLength, 2),
                    // A UUID.
                    9 => self.expect_in_headers(MessagePart::Value, 16),
                    _ => self.part = MessagePart::Broken,
                }
            }
            MessagePart::ValueLength => self.expect_in_headers(MessagePart::Value, length),
            MessagePart::Value => {
                if self.is_message_type {
                    // An exception is an error that the service's model has a name for.
                    let kind = self.text.bytes();
                    sink(FramedData::Name(if kind == b"exception" { b"error" } else { kind }));
                }
                self.expect_header();
            }
            MessagePart::Payload => self.expect(MessagePart::Checksum, 4),
            MessagePart::Checksum if self.checksum.value() == number => {
                sink(FramedData::End);
                *self = Self::default();
            }
            MessagePart::Checksum | MessagePart::Broken => self.part = MessagePart::Broken,
        }
    }

    fn expect(&mut self, part: MessagePart, length: usize) {
        self.part = part;
        self.left = length;
    }

    /// Another header, or the payload after the last.
    fn expect_header(&mut self) {
        if self.headers == 0 {
            self.expect(MessagePart::Payload, self.payload);
        } else {
            self.expect_in_headers(MessagePart::NameLength, 1);
        }
    }

    /// A part of a header, of which there must be as much.
    fn expect_in_headers(&mut self, part: MessagePart, length: usize) {
        match self.headers.checked_sub(length) {
            Some(headers) => {
                self.headers = headers;
                self.expect(part, length);
            }
            None => self.part = MessagePart::Broken,
        }
    }
}

const MESSAGE_TYPE: &[u8] = b":message-type";

// === impl Crc32 ===

impl Crc32 {
    const NONE: Self = Self(!0);
    const TABLE: [u32; 16] = Self::table();

    const fn table() -> [u32; 16] {
        let mut table = [0; 16];
        let mut rest: &mut [u32] = &mut table;
        let mut index = 0;
        while let [entry, after @ ..] = rest {
            let mut value = index;
            let mut bit = 0;
            while bit < 4 {
                value = if value & 1 == 1 { value >> 1 ^ 0xedb8_8320 } else { value >> 1 };
                bit += 1;
            }
            *entry = value;
            index += 1;
            rest = after;
        }
        table
    }

    fn push(&mut self, bytes: &[u8]) {
        let by_four_bits = |value: u32| {
            let entry = Self::TABLE.get((value & 15) as usize).copied().unwrap_or_default();
            value >> 4 ^ entry
        };
        for byte in bytes {
            self.0 = by_four_bits(by_four_bits(self.0 ^ u32::from(*byte)));
        }
    }

    const fn value(self) -> u32 {
        !self.0
    }
}
