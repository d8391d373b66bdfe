//! The framing of server-sent events. Neither lines nor events are kept.
//!
//! Lines end with CR, LF or CRLF. A line that begins with a colon is a comment. One space
//! after a field's colon does not belong to the value. An empty line ends an event. Source:
//! the HTML standard, "Server-sent events", section 9.2.6.
//!
//! The parser accepts more than the standard in three places. The end of the stream ends the
//! last event without an empty line. Where a line begins with `{` or `[`, the rest of the
//! body is raw data: some servers write a bare JSON error into a stream. The content type may
//! be that of JSON: then the body is events only if its first line begins like one of them.

use super::framed_data::FramedData;
use crate::json::Prefix;
use crate::json::find::find_either;

/// The state of the framing between two pieces of a body.
#[derive(Clone, Debug, Default)]
pub struct SseParser {
    line: LineState,
    /// Whether the last line ended with CR, so that an LF now belongs to it.
    after_cr: bool,
    /// Whether the event has data.
    has_data: bool,
    /// Whether the body is raw data unless its first line begins like that of an event.
    expects_json: bool,
    /// Whether a line that is not empty has begun.
    has_lines: bool,
    /// Whether an event has had data.
    has_events: bool,
    /// The field name of the line, or the name of the event.
    name: Prefix<{ Self::MAX_NAME }>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum LineState {
    /// At the start of the body, where a byte order mark may be.
    #[default]
    First,
    /// At the start of a line.
    Start,
    /// Within a field name.
    Field,
    /// After the colon of a `data` field.
    BeforeData,
    /// After the colon of an `event` field.
    BeforeName,
    /// Within the value of a `data` field.
    Data,
    /// Within the value of an `event` field.
    Name,
    /// Within a comment, or a field that is not read.
    Ignored,
    /// Within raw data, which continues to the end of the body.
    Raw,
}

// === impl SseParser ===

impl SseParser {
    /// How many bytes of an event's name are reported.
    const MAX_NAME: usize = 32;

    /// A parser of a body whose content type is that of JSON.
    pub fn expecting_json() -> Self {
        Self { expects_json: true, ..Self::default() }
    }

    /// Whether the body has raw data instead of events.
    pub fn is_raw(&self) -> bool {
        self.line == LineState::Raw
    }

    /// Whether the body has raw data instead of events, and its content type is not that of JSON.
    pub fn is_unannounced_raw(&self) -> bool {
        self.is_raw() && !self.expects_json
    }

    /// Whether the body has events.
    pub fn has_events(&self) -> bool {
        self.has_events
    }

    /// Whether an event has ended, and nothing of the next one has come.
    pub fn is_between_events(&self) -> bool {
        self.line == LineState::Start && self.has_events && !self.has_data && !self.after_cr
    }

    /// Whether the body should be JSON, and is neither JSON nor events.
    pub fn is_other_text(&self) -> bool {
        self.expects_json && self.has_lines && !self.has_events && !self.is_raw()
    }

    /// Reads the next piece of the body, and gives `sink` the parts of events.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut impl FnMut(FramedData<'_>)) {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            if std::mem::take(&mut self.after_cr) && byte == b'\n' {
                rest = after;
                continue;
            }
            rest = match self.line {
                LineState::Raw => {
                    sink(FramedData::Data(rest));
                    return;
                }
                LineState::Data | LineState::Ignored => self.value(rest, sink),
                _ if matches!(byte, b'\r' | b'\n') => {
                    self.end_line(byte, sink);
                    after
                }
                LineState::First if b"\xef\xbb\xbf".contains(&byte) => after,
                LineState::First | LineState::Start => self.begin_line(byte, rest, after, sink),
                LineState::Field if byte == b':' => {
                    self.line = match self.name.bytes() {
                        b"data" => LineState::BeforeData,
                        b"event" => LineState::BeforeName,
                        _ => LineState::Ignored,
                    };
                    after
                }
                LineState::Field | LineState::Name => self.name(rest, after),
                LineState::BeforeData => {
                    self.begin_data(sink);
                    if byte == b' ' { after } else { rest }
                }
                LineState::BeforeName => {
                    self.name.clear();
                    self.line = LineState::Name;
                    if byte == b' ' { after } else { rest }
                }
            };
        }
    }

    /// Ends the body, and with it an event that has data.
    pub fn finish(&mut self, sink: &mut impl FnMut(FramedData<'_>)) {
        if self.has_data {
            self.has_data = false;
            sink(FramedData::End);
        }
    }

    // Each of the following functions that return bytes consumes a part and returns the rest.

    /// Reads the value of a `data` field or of an ignored line, to the end of the line.
    fn value<'a>(&mut self, rest: &'a [u8], sink: &mut impl FnMut(FramedData<'_>)) -> &'a [u8] {
        let end = find_either(b'\r', b'\n', rest).unwrap_or(rest.len());
        let (run, next) = rest.split_at_checked(end).unwrap_or_default();
        if self.line == LineState::Data && !run.is_empty() {
            sink(FramedData::Data(run));
        }
        match next.split_first() {
            Some((&line_break, after)) => {
                self.end_line(line_break, sink);
                after
            }
            None => next,
        }
    }

    /// Reads a field name or the name of an event, to its end or to a colon.
    fn name<'a>(&mut self, rest: &'a [u8], after: &'a [u8]) -> &'a [u8] {
        let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n' | b':');
        // The name of an event may begin with a colon.
        let end = after.iter().position(is_end).map_or(rest.len(), |end| end + 1);
        let (run, next) = rest.split_at_checked(end).unwrap_or_default();
        self.name.push(run);
        next
    }

    fn begin_line<'a>(
        &mut self,
        byte: u8,
        rest: &'a [u8],
        after: &'a [u8],
        sink: &mut impl FnMut(FramedData<'_>),
    ) -> &'a [u8] {
        // Nearly every line of a stream begins like this.
        if let Some(value) = rest.strip_prefix(b"data:") {
            self.has_lines = true;
            self.line = LineState::BeforeData;
            return value;
        }
        let is_first_line = !std::mem::replace(&mut self.has_lines, true);
        match byte {
            // The first bytes of `data`, `event`, `id`, `retry` and a comment.
            _ if self.expects_json && is_first_line && !b"deir:".contains(&byte) => {
                self.line = LineState::Raw;
                self.has_data = true;
                rest
            }
            b':' => {
                self.line = LineState::Ignored;
                after
            }
            b'{' | b'[' => {
                self.finish(sink);
                self.line = LineState::Raw;
                self.has_data = true;
                rest
            }
            _ => {
                self.line = LineState::Field;
                self.name.clear();
                rest
            }
        }
    }

    fn begin_data(&mut self, sink: &mut impl FnMut(FramedData<'_>)) {
        if self.has_data {
            sink(FramedData::NextLine);
        }
        self.has_data = true;
        self.has_events = true;
        self.line = LineState::Data;
    }

    fn end_line(&mut self, line_break: u8, sink: &mut impl FnMut(FramedData<'_>)) {
        self.after_cr = line_break == b'\r';
        match self.line {
            // A name without data makes no event, and does not name the next one.
            LineState::Start | LineState::First if !self.has_data => sink(FramedData::Name(b"")),
            LineState::Start | LineState::First => self.finish(sink),
            LineState::Name => sink(FramedData::Name(self.name.bytes())),
            LineState::BeforeName => sink(FramedData::Name(b"")),
            LineState::Field if self.name.bytes() == b"event" => sink(FramedData::Name(b"")),
            LineState::BeforeData => self.begin_data(sink),
            LineState::Field if self.name.bytes() == b"data" => self.begin_data(sink),
            LineState::Field | LineState::Data | LineState::Ignored | LineState::Raw => {}
        }
        self.line = LineState::Start;
    }
}
