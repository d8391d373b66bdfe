//! Framing of server-sent events: lines to events, without keeping either.
//!
//! Lines end with CR, LF or CRLF; a line that begins with a colon is a comment; one
//! space after a field's colon is not part of the value; an event ends with an
//! empty line. Source: the HTML standard, "Server-sent events", section 9.2.6.
//!
//! Two things are wider than the standard. The last event counts without its empty
//! line, since the stream's end ends it as well. And where a line begins with `{`
//! or `[`, the rest of the body is data as it stands: some servers put a bare JSON
//! error into a stream.

use super::find::find_either;

use crate::json::prefix::Prefix;

/// A part of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FramedData<'a> {
    /// Some of a line of data, or the line break between two such lines.
    Data(&'a [u8]),
    /// The event's name is complete: `error` is that of an error.
    Name(&'a [u8]),
    /// The event is complete.
    End,
}

/// The framing's state between two pieces of a body.
#[derive(Clone, Debug, Default)]
pub struct SseParser {
    line: LineState,
    /// The last line ended with CR: a LF now belongs to it.
    after_cr: bool,
    has_data: bool,
    /// The first bytes of the line's field name, or of the event's name.
    name: Prefix<{ Self::MAX_NAME }>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum LineState {
    /// At the very beginning, where a byte order mark may stand.
    #[default]
    First,
    Start,
    Field,
    /// After the colon of a `data` field.
    BeforeData,
    /// After the colon of an `event` field.
    BeforeName,
    Data,
    Name,
    /// A comment, or a field that does not matter.
    Ignored,
    /// The rest of the body is data.
    Raw,
}

// === impl Sse ===

impl SseParser {
    /// The longest name that is told of an event; longer ones are cut.
    const MAX_NAME: usize = 32;

    /// Whether the body turned out not to be events, but data as it stands.
    pub fn is_raw(&self) -> bool {
        self.line == LineState::Raw
    }

    /// Reads on, and gives `sink` the parts of events.
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
                LineState::Data | LineState::Ignored => {
                    let end = find_either(b'\r', b'\n', rest).unwrap_or(rest.len());
                    let (run, next) = rest.split_at_checked(end).unwrap_or_default();
                    if self.line == LineState::Data && !run.is_empty() {
                        sink(FramedData::Data(run));
                    }
                    match next.split_first() {
                        Some((&end, after)) => {
                            self.end_line(end, sink);
                            after
                        }
                        None => next,
                    }
                }
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
                LineState::Field | LineState::Name => {
                    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n' | b':');
                    let end = after.iter().position(is_end).map_or(rest.len(), |end| end + 1);
                    let (run, next) = rest.split_at_checked(end).unwrap_or_default();
                    self.name.push(run);
                    next
                }
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

    /// The body has ended.
    pub fn finish(&mut self, sink: &mut impl FnMut(FramedData<'_>)) {
        if self.has_data {
            self.has_data = false;
            sink(FramedData::End);
        }
    }

    fn begin_line<'a>(
        &mut self,
        byte: u8,
        rest: &'a [u8],
        after: &'a [u8],
        sink: &mut impl FnMut(FramedData<'_>),
    ) -> &'a [u8] {
        // What nearly every line of a stream begins with.
        if let Some(value) = rest.strip_prefix(b"data:") {
            self.line = LineState::BeforeData;
            return value;
        }
        match byte {
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
            sink(FramedData::Data(b"\n"));
        }
        self.has_data = true;
        self.line = LineState::Data;
    }

    fn end_line(&mut self, end: u8, sink: &mut impl FnMut(FramedData<'_>)) {
        self.after_cr = end == b'\r';
        match self.line {
            // A name without data is no event, and not the next one's either.
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
