//! A JSON scanner that keeps no document: bytes in any pieces go in, scalars and
//! containers with their path come out.
//!
//! It takes one document after another, with or without white space between them,
//! so that a plain answer, lines of JSON and the data of an event are read alike.
//! It holds the path, and of the string or number at hand the first
//! [`MAX_TEXT`] bytes; a document may be of any length, and up to
//! [`MAX_DEPTH`] deep.
//!
//! Structure is checked; of a number and of a string only as much as is needed to
//! find their end. Grammar: RFC 8259.

use super::keys::Key;
use super::prefix::Prefix;

/// How deep a document may be. Answers of all known formats stay below 16.
pub const MAX_DEPTH: usize = 64;

/// How many bytes of a string, a number or a key are kept.
pub const MAX_TEXT: usize = 128;

/// The beginning of a string, a number or a key.
pub type Text = Prefix<MAX_TEXT>;

/// What stands at a path.
#[derive(Clone, Copy, Debug)]
pub enum Token<'a> {
    /// `{`.
    Object,
    /// `[`.
    Array,
    /// A string, unescaped.
    String(&'a Text),
    /// A number; `None` where it is not a whole number from 0.
    Number(Option<u64>),
    /// `true`, `false` or `null`.
    Literal,
    /// The document, at the empty path, is complete.
    End,
}

/// The scanner's state between two pieces.
#[derive(Clone, Debug)]
pub struct Scanner {
    state: State,
    depth: usize,
    path: [Key; MAX_DEPTH],
    /// Which of the open containers are lists: the lowest bit is the outermost.
    lists: u64,
    text: Text,
    is_key: bool,
    /// A first half of a surrogate pair.
    high_surrogate: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before a document.
    Start,
    /// Before a value.
    Value,
    /// Before the first value of a list, or its end.
    FirstItem,
    /// Before the first key of an object, or its end.
    FirstKey,
    /// Before a key.
    Key,
    /// Before the colon.
    Colon,
    /// After a value in a container.
    AfterValue,
    String,
    Escape,
    /// Within `\uXXXX`: digits still to come and the value so far.
    Unicode(u8, u16),
    Number,
    /// Within a literal: what is still to come.
    Literal(&'static [u8]),
    /// Not JSON, or too deep.
    Broken,
}

// === impl Scanner ===

impl Default for Scanner {
    fn default() -> Self {
        Self {
            state: State::Start,
            depth: 0,
            path: [Key::Other; MAX_DEPTH],
            lists: 0,
            text: Text::default(),
            is_key: false,
            high_surrogate: 0,
        }
    }
}

impl Scanner {
    /// Reads on, and tells `sink` of each value that is complete.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut impl FnMut(&[Key], Token<'_>)) {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            if self.state == State::String {
                let run = rest.iter().position(|b| matches!(b, b'"' | b'\\'));
                let (run, next) = rest.split_at(run.unwrap_or(rest.len()));
                if !run.is_empty() {
                    self.close_surrogate();
                    self.text.push(run);
                    rest = next;
                    continue;
                }
            }
            // A number ends only with what comes after it, which is read again.
            if self.step(byte, sink) {
                rest = after;
            }
            if self.state == State::Broken {
                return;
            }
        }
    }

    /// Whether no document has begun that has not ended. A number at the top level
    /// ends with the input.
    pub fn is_between_documents(&self) -> bool {
        self.state == State::Start
    }

    /// Whether the input was not JSON.
    pub fn is_broken(&self) -> bool {
        self.state == State::Broken
    }

    /// Forgets what it was in, to begin with a document again.
    pub fn reset(&mut self) {
        self.state = State::Start;
        self.depth = 0;
        self.lists = 0;
        self.high_surrogate = 0;
    }

    fn path(&self) -> &[Key] {
        self.path.get(..self.depth).unwrap_or_default()
    }

    /// Takes one byte; whether it is used up.
    fn step(&mut self, byte: u8, sink: &mut impl FnMut(&[Key], Token<'_>)) -> bool {
        match self.state {
            State::String => self.string_byte(byte, sink),
            State::Escape => self.escaped_byte(byte),
            State::Unicode(left, value) => self.unicode_byte(byte, left, value),
            State::Number => {
                if matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E') {
                    self.text.push(&[byte]);
                } else {
                    let number = self.text.whole().and_then(parse_whole_number);
                    sink(self.path(), Token::Number(number));
                    self.end_value(sink);
                    return false;
                }
            }
            State::Literal(expected) => match expected.split_first() {
                Some((first, rest)) if *first == byte => {
                    self.state = State::Literal(rest);
                    if rest.is_empty() {
                        sink(self.path(), Token::Literal);
                        self.end_value(sink);
                    }
                }
                _ => self.state = State::Broken,
            },
            _ if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') => {}
            State::Start | State::Value => self.begin_value(byte, sink),
            State::FirstItem if byte == b']' => self.close(sink),
            State::FirstItem => self.begin_value(byte, sink),
            State::FirstKey if byte == b'}' => self.close(sink),
            State::FirstKey | State::Key if byte == b'"' => self.begin_string(true),
            State::Colon if byte == b':' => self.state = State::Value,
            State::AfterValue if byte == b',' => {
                self.state = if self.is_in_list() { State::Value } else { State::Key };
            }
            State::AfterValue if byte == if self.is_in_list() { b']' } else { b'}' } => {
                self.close(sink);
            }
            _ => self.state = State::Broken,
        }
        true
    }

    fn begin_value(&mut self, byte: u8, sink: &mut impl FnMut(&[Key], Token<'_>)) {
        match byte {
            b'{' => self.open(Token::Object, sink),
            b'[' => self.open(Token::Array, sink),
            b'"' => self.begin_string(false),
            b'-' | b'0'..=b'9' => {
                self.text.clear();
                self.text.push(&[byte]);
                self.state = State::Number;
            }
            b't' => self.state = State::Literal(b"rue"),
            b'f' => self.state = State::Literal(b"alse"),
            b'n' => self.state = State::Literal(b"ull"),
            _ => self.state = State::Broken,
        }
    }

    fn begin_string(&mut self, is_key: bool) {
        self.text.clear();
        self.is_key = is_key;
        self.high_surrogate = 0;
        self.state = State::String;
    }

    fn string_byte(&mut self, byte: u8, sink: &mut impl FnMut(&[Key], Token<'_>)) {
        if byte == b'\\' {
            self.state = State::Escape;
            return;
        }
        self.close_surrogate();
        if byte != b'"' {
            self.text.push(&[byte]);
        } else if self.is_key {
            let key = self.text.whole().map_or(Key::Other, Key::from_bytes);
            if let Some(last) = self.path.get_mut(self.depth.wrapping_sub(1)) {
                *last = key;
            }
            self.state = State::Colon;
        } else {
            sink(self.path(), Token::String(&self.text));
            self.end_value(sink);
        }
    }

    fn escaped_byte(&mut self, byte: u8) {
        self.state = State::String;
        if byte != b'u' {
            self.close_surrogate();
        }
        match byte {
            b'"' | b'\\' | b'/' => self.text.push(&[byte]),
            b'b' => self.text.push(b"\x08"),
            b'f' => self.text.push(b"\x0c"),
            b'n' => self.text.push(b"\n"),
            b'r' => self.text.push(b"\r"),
            b't' => self.text.push(b"\t"),
            b'u' => self.state = State::Unicode(4, 0),
            _ => self.state = State::Broken,
        }
    }

    fn unicode_byte(&mut self, byte: u8, left: u8, value: u16) {
        let Some(digit) = char::from(byte).to_digit(16).and_then(|digit| u16::try_from(digit).ok())
        else {
            self.state = State::Broken;
            return;
        };
        let value = value << 4 | digit;
        if left > 1 {
            self.state = State::Unicode(left - 1, value);
            return;
        }
        self.state = State::String;
        match value {
            0xd800..=0xdbff => {
                self.close_surrogate();
                self.high_surrogate = value;
            }
            0xdc00..=0xdfff if self.high_surrogate != 0 => {
                let pair = char::decode_utf16([self.high_surrogate, value]).next();
                self.high_surrogate = 0;
                self.text.push_char(pair.and_then(Result::ok).unwrap_or('\u{fffd}'));
            }
            _ => {
                self.close_surrogate();
                let character = char::from_u32(u32::from(value)).unwrap_or('\u{fffd}');
                self.text.push_char(character);
            }
        }
    }

    /// A half of a surrogate pair that is alone is no character.
    fn close_surrogate(&mut self) {
        if self.high_surrogate != 0 {
            self.high_surrogate = 0;
            self.text.push_char('\u{fffd}');
        }
    }

    fn is_in_list(&self) -> bool {
        self.depth > 0 && self.lists >> (self.depth - 1) & 1 == 1
    }

    fn open(&mut self, container: Token<'_>, sink: &mut impl FnMut(&[Key], Token<'_>)) {
        sink(self.path(), container);
        let is_list = matches!(container, Token::Array);
        let Some(place) = self.path.get_mut(self.depth) else {
            self.state = State::Broken;
            return;
        };
        *place = if is_list { Key::Item } else { Key::Other };
        let bit = 1 << self.depth;
        self.lists = if is_list { self.lists | bit } else { self.lists & !bit };
        self.depth += 1;
        self.state = if is_list { State::FirstItem } else { State::FirstKey };
    }

    fn close(&mut self, sink: &mut impl FnMut(&[Key], Token<'_>)) {
        self.depth = self.depth.saturating_sub(1);
        self.end_value(sink);
    }

    fn end_value(&mut self, sink: &mut impl FnMut(&[Key], Token<'_>)) {
        if self.depth == 0 {
            self.state = State::Start;
            sink(&[], Token::End);
        } else {
            self.state = State::AfterValue;
        }
    }
}

fn parse_whole_number(text: &[u8]) -> Option<u64> {
    str::from_utf8(text).ok()?.parse().ok()
}
