//! The framing of Amazon's event streams. Neither messages nor events are kept.
//!
//! A message has these parts; all numbers are big-endian:
//!
//! | bytes | part |
//! |---|---|
//! | 4 | the length of the message |
//! | 4 | the length of its headers |
//! | 4 | the CRC-32 of these eight bytes |
//! | … | headers: length of the name, name, type of the value, value |
//! | … | payload |
//! | 4 | the CRC-32 of all bytes before |
//!
//! Of the headers only `:message-type` is read, which distinguishes an exception from an
//! event. Both checksums are verified: where one is wrong, nothing after it can be located.
//! Source: AWS, "Event stream encoding". The limits are those of botocore, the core of AWS's
//! client for Python.

use super::crc32::Crc32;
use super::framed_data::FramedData;
use crate::json::Prefix;

/// The state of the framing between two pieces of a body.
#[derive(Clone, Copy, Debug)]
pub struct EventStreamParser {
    part: MessagePart,
    /// How many bytes of the part are missing.
    bytes_left: usize,
    /// The value of the part so far, where it is a number.
    number: u32,
    message_length: u32,
    /// How many bytes of headers follow the current part.
    header_bytes_left: usize,
    payload_length: usize,
    /// The checksum of the message so far.
    checksum: Crc32,
    /// The checksum of the message's first eight bytes.
    prelude_checksum: Crc32,
    /// The name of the current header, then its value.
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
    ValueType,
    ValueLength,
    Value,
    Payload,
    Checksum,
    /// The body is not an event stream.
    Broken,
}

const MESSAGE_TYPE: &[u8] = b":message-type";

// === impl EventStreamParser ===

impl Default for EventStreamParser {
    fn default() -> Self {
        Self {
            part: MessagePart::Length,
            bytes_left: 4,
            number: 0,
            message_length: 0,
            header_bytes_left: 0,
            payload_length: 0,
            checksum: Crc32::EMPTY,
            prelude_checksum: Crc32::EMPTY,
            text: Prefix::default(),
            is_message_type: false,
        }
    }
}

impl EventStreamParser {
    const MAX_HEADERS_BYTES: usize = 128 << 10;
    const MAX_PAYLOAD_BYTES: usize = 24 << 20;
    /// The bytes of a message that are neither headers nor payload.
    const OVERHEAD: usize = 16;
    /// How many bytes of a header's name or value are kept.
    const MAX_TEXT: usize = MESSAGE_TYPE.len();

    /// Whether the body turned out not to be an event stream.
    pub fn is_broken(&self) -> bool {
        self.part == MessagePart::Broken
    }

    /// Whether no message is open.
    pub fn is_between_messages(&self) -> bool {
        self.part == MessagePart::Length && self.bytes_left == 4
    }

    /// Reads the next piece of the body, and gives `sink` the parts of events: the type of a
    /// message as the name of the event, its payload as data.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut impl FnMut(FramedData<'_>)) {
        let mut rest = bytes;
        while !rest.is_empty() && !self.is_broken() {
            let (run, after) = rest.split_at_checked(self.bytes_left).unwrap_or((rest, &[]));
            rest = after;
            self.bytes_left -= run.len();
            if self.part != MessagePart::Checksum {
                self.checksum.push(run);
            }
            match self.part {
                MessagePart::Payload => sink(FramedData::Data(run)),
                MessagePart::Name | MessagePart::Value => self.text.push(run),
                _ => run.iter().for_each(|byte| self.number = self.number << 8 | u32::from(*byte)),
            }
            // A part without bytes, such as an empty payload, ends together with the part
            // before it.
            while self.bytes_left == 0 && !self.is_broken() {
                self.end_part(sink);
            }
        }
    }

    fn end_part(&mut self, sink: &mut impl FnMut(FramedData<'_>)) {
        let number = std::mem::take(&mut self.number);
        let length = usize::try_from(number).unwrap_or(usize::MAX);
        match self.part {
            MessagePart::Length => {
                self.message_length = number;
                self.expect(MessagePart::HeadersLength, 4);
            }
            MessagePart::HeadersLength => {
                self.header_bytes_left = length;
                self.prelude_checksum = self.checksum;
                self.expect(MessagePart::PreludeChecksum, 4);
            }
            MessagePart::PreludeChecksum => self.end_prelude(number),
            MessagePart::NameLength => {
                self.text.clear();
                self.expect_in_headers(MessagePart::Name, length);
            }
            MessagePart::Name => {
                self.is_message_type = self.text.complete() == Some(MESSAGE_TYPE);
                self.expect_in_headers(MessagePart::ValueType, 1);
            }
            MessagePart::ValueType => self.end_value_type(number),
            MessagePart::ValueLength => self.expect_in_headers(MessagePart::Value, length),
            MessagePart::Value => self.end_value(sink),
            MessagePart::Payload => self.expect(MessagePart::Checksum, 4),
            MessagePart::Checksum if self.checksum.value() == number => {
                sink(FramedData::End);
                *self = Self::default();
            }
            MessagePart::Checksum | MessagePart::Broken => self.part = MessagePart::Broken,
        }
    }

    /// Verifies the checksum and the lengths of the prelude.
    fn end_prelude(&mut self, checksum: u32) {
        let message_length = usize::try_from(self.message_length).unwrap_or(usize::MAX);
        let overhead = self.header_bytes_left.saturating_add(Self::OVERHEAD);
        match message_length.checked_sub(overhead) {
            Some(payload_length)
                if self.prelude_checksum.value() == checksum
                    && self.header_bytes_left <= Self::MAX_HEADERS_BYTES
                    && payload_length <= Self::MAX_PAYLOAD_BYTES =>
            {
                self.payload_length = payload_length;
                self.expect_header_or_payload();
            }
            _ => self.part = MessagePart::Broken,
        }
    }

    fn end_value_type(&mut self, value_type: u32) {
        self.text.clear();
        match value_type {
            // True and false have no value.
            0 | 1 => self.expect_header_or_payload(),
            // Integers of one, two and four bytes.
            2 => self.expect_in_headers(MessagePart::Value, 1),
            3 => self.expect_in_headers(MessagePart::Value, 2),
            4 => self.expect_in_headers(MessagePart::Value, 4),
            // An integer of eight bytes, and a timestamp.
            5 | 8 => self.expect_in_headers(MessagePart::Value, 8),
            // Bytes and a string.
            6 | 7 => self.expect_in_headers(MessagePart::ValueLength, 2),
            // A UUID.
            9 => self.expect_in_headers(MessagePart::Value, 16),
            _ => self.part = MessagePart::Broken,
        }
    }

    fn end_value(&mut self, sink: &mut impl FnMut(FramedData<'_>)) {
        if self.is_message_type {
            // An exception is an error that the service's API model names.
            let message_type = self.text.bytes();
            let is_exception = message_type == b"exception";
            sink(FramedData::Name(if is_exception { b"error" } else { message_type }));
        }
        self.expect_header_or_payload();
    }

    fn expect(&mut self, part: MessagePart, length: usize) {
        self.part = part;
        self.bytes_left = length;
    }

    fn expect_header_or_payload(&mut self) {
        if self.header_bytes_left == 0 {
            self.expect(MessagePart::Payload, self.payload_length);
        } else {
            self.expect_in_headers(MessagePart::NameLength, 1);
        }
    }

    /// Expects a part of a header, which must fit into the remaining headers.
    fn expect_in_headers(&mut self, part: MessagePart, length: usize) {
        match self.header_bytes_left.checked_sub(length) {
            Some(bytes_left) => {
                self.header_bytes_left = bytes_left;
                self.expect(part, length);
            }
            None => self.part = MessagePart::Broken,
        }
    }
}
