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

use super::prefix::Prefix;

/// A part of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Some of a line of data, or the line break between two such lines.
    Data(&'a [u8]),
    /// The event's name is complete: `error` is that of an error.
    Name(&'a [u8]),
    /// The event is complete.
    End,
}

/// The framing's state between two pieces of a body.
#[derive(Clone, Debug, Default)]
pub struct Sse {
    line: Line,
    /// The last line ended with CR: a LF now belongs to it.
    after_cr: bool,
    has_data: bool,
    /// The first bytes of the line's field name, or of the event's name.
    name: Prefix<{ Self::MAX_NAME }>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Line {
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

impl Sse {
    /// The longest name that is told of an event; longer ones are cut.
    const MAX_NAME: usize = 32;

    /// Whether the body turned out not to be events, but data as it stands.
    pub fn is_raw(&self) -> bool {
        self.line == Line::Raw
    }

    /// Reads on, and gives `sink` the parts of events.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut impl FnMut(Piece<'_>)) {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            if std::mem::take(&mut self.after_cr) && byte == b'\n' {
                rest = after;
                continue;
            }
            rest = match self.line {
                Line::Raw => {
                    sink(Piece::Data(rest));
                    return;
                }
                Line::Data | Line::Ignored => {
                    let end = find_either(b'\r', b'\n', rest).unwrap_or(rest.len());
                    let (run, next) = rest.split_at_checked(end).unwrap_or_default();
                    if self.line == Line::Data && !run.is_empty() {
                        sink(Piece::Data(run));
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
                Line::First if b"\xef\xbb\xbf".contains(&byte) => after,
                Line::First | Line::Start => self.begin_line(byte, rest, after, sink),
                Line::Field if byte == b':' => {
                    self.line = match self.name.bytes() {
                        b"data" => Line::BeforeData,
                        b"event" => Line::BeforeName,
                        _ => Line::Ignored,
                    };
                    after
                }
                Line::Field | Line::Name => {
                    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n' | b':');
                    let end = after.iter().position(is_end).map_or(rest.len(), |end| end + 1);
                    let (run, next) = rest.split_at_checked(end).unwrap_or_default();
                    self.name.push(run);
                    next
                }
                Line::BeforeData => {
                    self.begin_data(sink);
                    if byte == b' ' { after } else { rest }
                }
                Line::BeforeName => {
                    self.name.clear();
                    self.line = Line::Name;
                    if byte == b' ' { after } else { rest }
                }
            };
        }
    }

    /// The body has ended.
    pub fn finish(&mut self, sink: &mut impl FnMut(Piece<'_>)) {
        if self.has_data {
            self.has_data = false;
            sink(Piece::End);
        }
    }

    fn begin_line<'a>(
        &mut self,
        byte: u8,
        rest: &'a [u8],
        after: &'a [u8],
        sink: &mut impl FnMut(Piece<'_>),
    ) -> &'a [u8] {
        // What nearly every line of a stream begins with.
        if let Some(value) = rest.strip_prefix(b"data:") {
            self.line = Line::BeforeData;
            return value;
        }
        match byte {
            b':' => {
                self.line = Line::Ignored;
                after
            }
            b'{' | b'[' => {
                self.finish(sink);
                self.line = Line::Raw;
                self.has_data = true;
                rest
            }
            _ => {
                self.line = Line::Field;
                self.name.clear();
                rest
            }
        }
    }

    fn begin_data(&mut self, sink: &mut impl FnMut(Piece<'_>)) {
        if self.has_data {
            sink(Piece::Data(b"\n"));
        }
        self.has_data = true;
        self.line = Line::Data;
    }

    fn end_line(&mut self, end: u8, sink: &mut impl FnMut(Piece<'_>)) {
        self.after_cr = end == b'\r';
        match self.line {
            // A name without data is no event, and not the next one's either.
            Line::Start | Line::First if !self.has_data => sink(Piece::Name(b"")),
            Line::Start | Line::First => self.finish(sink),
            Line::Name => sink(Piece::Name(self.name.bytes())),
            Line::BeforeName => sink(Piece::Name(b"")),
            Line::Field if self.name.bytes() == b"event" => sink(Piece::Name(b"")),
            Line::BeforeData => self.begin_data(sink),
            Line::Field if self.name.bytes() == b"data" => self.begin_data(sink),
            Line::Field | Line::Data | Line::Ignored | Line::Raw => {}
        }
        self.line = Line::Start;
    }
}
