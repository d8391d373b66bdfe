//! A JSON scanner that keeps no document: bytes in any pieces go in, and what stands
//! at the paths that matter comes out.
//!
//! It takes one document after another, with or without white space between them,
//! so that a plain answer, lines of JSON and the data of an event are read alike.
//! It holds the path, and of a string or number that a piece's end has cut the first
//! [`MAX_TEXT`] bytes; a document may be of any length, and up to [`MAX_DEPTH`] deep.
//!
//! Structure is checked; of a number and of a string only as much as is needed to
//! find their end. Grammar: RFC 8259.

use crate::response::find::find_either;

use super::bounded_text::BoundedText;
use super::prefix::Prefix;
use crate::response::json_key::Key;

/// How deep a document may be. Answers of all known formats stay below 16.
pub const MAX_DEPTH: usize = 64;

/// How many bytes of a string, a number or a key are told.
pub const MAX_TEXT: usize = 128;

/// What stands at a path.
#[derive(Clone, Copy, Debug)]
pub enum Token<'a> {
    /// `{`.
    Object,
    /// The beginning of `true`.
    True,
    /// A string, unescaped.
    String(BoundedText<'a>),
    /// A number; `None` where it is not a whole number from 0.
    Number(Option<u64>),
    /// The document, at the empty path, is complete.
    End,
}

/// The scanner's state between two pieces.
#[derive(Clone, Debug)]
pub struct Scanner {
    state: ScannerState,
    depth: usize,
    path: [Key; MAX_DEPTH],
    /// Which of the open containers are lists: the lowest bit is the outermost.
    lists: u64,
    /// Which of the open containers are at a key that matters to no format. While
    /// there is one, nothing is told.
    others: u64,
    text: Prefix<MAX_TEXT>,
    is_key: bool,
    /// A first half of a surrogate pair.
    high_surrogate: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ScannerState {
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
    /// Within a string that has an escape or is in several pieces.
    String,
    Escape,
    /// Within `\uXXXX`: digits still to come and the value so far.
    Unicode(u8, u16),
    /// Within a number that is in several pieces.
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
            state: ScannerState::Start,
            depth: 0,
            path: [Key::Other; MAX_DEPTH],
            lists: 0,
            others: 0,
            text: Prefix::default(),
            is_key: false,
            high_surrogate: 0,
        }
    }
}

impl Scanner {
    /// Reads on, and tells `sink` of each value that is complete at a path of keys
    /// that matter.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut impl FnMut(&[Key], Token<'_>)) {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            rest = match self.state {
                ScannerState::String => self.string(rest, sink),
                ScannerState::Escape => self.escaped_byte(byte, after),
                ScannerState::Unicode(left, value) => self.unicode_byte(byte, left, value, after),
                ScannerState::Number => self.number(rest, sink),
                ScannerState::Literal(expected) => self.literal(rest, expected, sink),
                ScannerState::Broken => return,
                _ if is_space(byte) => after,
                ScannerState::FirstItem if byte == b']' => self.close(after, sink),
                ScannerState::Start | ScannerState::Value | ScannerState::FirstItem => {
                    self.value(byte, rest, after, sink)
                }
                ScannerState::FirstKey if byte == b'}' => self.close(after, sink),
                ScannerState::FirstKey | ScannerState::Key if byte == b'"' => self.key(after, sink),
                ScannerState::Colon if byte == b':' => self.expect(ScannerState::Value, after),
                ScannerState::AfterValue => self.after_value(byte, after, sink),
                _ => self.expect(ScannerState::Broken, after),
            };
        }
    }

    /// Whether no document has begun that has not ended. A number at the top level
    /// ends with the input.
    pub fn is_between_documents(&self) -> bool {
        self.state == ScannerState::Start
    }

    /// Whether the input was not JSON.
    pub fn is_broken(&self) -> bool {
        self.state == ScannerState::Broken
    }

    /// Forgets what it was in, to begin with a document again.
    pub fn reset(&mut self) {
        self.state = ScannerState::Start;
        self.depth = 0;
        self.lists = 0;
        self.others = 0;
        self.high_surrogate = 0;
    }

    // Each of the following takes what it can of the bytes, and gives back the rest.

    fn expect<'a>(&mut self, state: ScannerState, rest: &'a [u8]) -> &'a [u8] {
        self.state = state;
        rest
    }

    fn after_value<'a>(
        &mut self,
        byte: u8,
        after: &'a [u8],
        sink: &mut impl FnMut(&[Key], Token<'_>),
    ) -> &'a [u8] {
        match (byte, self.is_in_list()) {
            (b',', true) => self.expect(ScannerState::Value, after),
            (b',', false) => match after.strip_prefix(b"\"") {
                Some(after) => self.key(after, sink),
                None => self.expect(ScannerState::Key, after),
            },
            (b']', true) | (b'}', false) => self.close(after, sink),
            _ => self.expect(ScannerState::Broken, after),
        }
    }

    fn value<'a>(
        &mut self,
        byte: u8,
        rest: &'a [u8],
        after: &'a [u8],
        sink: &mut impl FnMut(&[Key], Token<'_>),
    ) -> &'a [u8] {
        match byte {
            b'{' => {
                self.emit(Token::Object, sink);
                self.open(false, after)
            }
            b'[' => self.open(true, after),
            b'"' => match whole_string(after) {
                Some((text, after)) => {
                    self.emit(Token::String(BoundedText::new(text)), sink);
                    self.end_value(after, sink)
                }
                None => self.begin_string(false, after),
            },
            b'-' | b'0'..=b'9' => {
                self.text.clear();
                self.number(rest, sink)
            }
            b't' => {
                self.emit(Token::True, sink);
                self.literal(after, b"rue", sink)
            }
            b'f' => self.literal(after, b"alse", sink),
            b'n' => self.literal(after, b"ull", sink),
            _ => self.expect(ScannerState::Broken, after),
        }
    }

    /// Takes a key, and if they are there its colon and the value, which saves the
    /// way through [`Self::feed`] for each.
    fn key<'a>(&mut self, after: &'a [u8], sink: &mut impl FnMut(&[Key], Token<'_>)) -> &'a [u8] {
        let Some((name, after)) = whole_string(after) else {
            return self.begin_string(true, after);
        };
        let after = self.end_key(Key::from_bytes(name), after);
        let Some(rest) = after.strip_prefix(b":") else { return after };
        match rest.split_first() {
            Some((&byte, after)) if !is_space(byte) => self.value(byte, rest, after, sink),
            _ => self.expect(ScannerState::Value, rest),
        }
    }

    fn end_key<'a>(&mut self, key: Key, after: &'a [u8]) -> &'a [u8] {
        let place = self.depth.wrapping_sub(1);
        if let Some(last) = self.path.get_mut(place) {
            *last = key;
            let bit = 1 << place;
            self.others = if key == Key::Other { self.others | bit } else { self.others & !bit };
        }
        self.expect(ScannerState::Colon, after)
    }

    fn number<'a>(&mut self, rest: &'a [u8], sink: &mut impl FnMut(&[Key], Token<'_>)) -> &'a [u8] {
        let is_part = |b: &u8| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        // It ends only with what comes after it, which is read again.
        let Some(end) = rest.iter().position(|byte| !is_part(byte)) else {
            self.text.push(rest);
            return self.expect(ScannerState::Number, &[]);
        };
        let (digits, after) = rest.split_at(end);
        if self.is_emitted() {
            // What came before this piece is in `text`.
            let text = if self.text.is_empty() {
                BoundedText::new(digits)
            } else {
                self.text.push(digits);
                self.text.text()
            };
            let number = text.complete().and_then(parse_whole_number);
            sink(self.path(), Token::Number(number));
        }
        self.end_value(after, sink)
    }

    fn literal<'a>(
        &mut self,
        rest: &'a [u8],
        expected: &'static [u8],
        sink: &mut impl FnMut(&[Key], Token<'_>),
    ) -> &'a [u8] {
        if let Some(after) = rest.strip_prefix(expected) {
            self.end_value(after, sink)
        } else if let Some(expected) = expected.strip_prefix(rest) {
            self.expect(ScannerState::Literal(expected), &[])
        } else {
            self.expect(ScannerState::Broken, &[])
        }
    }

    fn begin_string<'a>(&mut self, is_key: bool, after: &'a [u8]) -> &'a [u8] {
        self.text.clear();
        self.is_key = is_key;
        self.high_surrogate = 0;
        self.expect(ScannerState::String, after)
    }

    fn string<'a>(&mut self, rest: &'a [u8], sink: &mut impl FnMut(&[Key], Token<'_>)) -> &'a [u8] {
        let end = find_either(b'"', b'\\', rest);
        let (run, next) = rest.split_at_checked(end.unwrap_or(rest.len())).unwrap_or_default();
        if !run.is_empty() {
            self.close_surrogate();
            self.text.push(run);
        }
        match next.split_first() {
            None => next,
            Some((b'\\', after)) => self.expect(ScannerState::Escape, after),
            Some((_, after)) => {
                self.close_surrogate();
                if self.is_key {
                    let key = self.text.complete().map_or(Key::Other, Key::from_bytes);
                    return self.end_key(key, after);
                }
                if self.is_emitted() {
                    sink(self.path(), Token::String(self.text.text()));
                }
                self.end_value(after, sink)
            }
        }
    }

    fn escaped_byte<'a>(&mut self, byte: u8, after: &'a [u8]) -> &'a [u8] {
        if byte != b'u' {
            self.close_surrogate();
        }
        let character = match byte {
            b'"' | b'\\' | b'/' => byte,
            b'b' => b'\x08',
            b'f' => b'\x0c',
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => return self.expect(ScannerState::Unicode(4, 0), after),
            _ => return self.expect(ScannerState::Broken, after),
        };
        self.text.push(&[character]);
        self.expect(ScannerState::String, after)
    }

    fn unicode_byte<'a>(&mut self, byte: u8, left: u8, value: u16, after: &'a [u8]) -> &'a [u8] {
        let Some(digit) = char::from(byte).to_digit(16).and_then(|digit| u16::try_from(digit).ok())
        else {
            return self.expect(ScannerState::Broken, after);
        };
        let value = value << 4 | digit;
        if left > 1 {
            return self.expect(ScannerState::Unicode(left - 1, value), after);
        }
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
        self.expect(ScannerState::String, after)
    }

    /// A half of a surrogate pair that is alone is no character.
    fn close_surrogate(&mut self) {
        if self.high_surrogate != 0 {
            self.high_surrogate = 0;
            self.text.push_char('\u{fffd}');
        }
    }

    fn open<'a>(&mut self, is_list: bool, after: &'a [u8]) -> &'a [u8] {
        let Some(place) = self.path.get_mut(self.depth) else {
            return self.expect(ScannerState::Broken, after);
        };
        *place = if is_list { Key::Item } else { Key::Other };
        let bit = 1 << self.depth;
        self.lists = if is_list { self.lists | bit } else { self.lists & !bit };
        self.depth += 1;
        self.expect(if is_list { ScannerState::FirstItem } else { ScannerState::FirstKey }, after)
    }

    fn close<'a>(&mut self, after: &'a [u8], sink: &mut impl FnMut(&[Key], Token<'_>)) -> &'a [u8] {
        self.depth = self.depth.saturating_sub(1);
        self.others &= !(1 << self.depth);
        self.end_value(after, sink)
    }

    fn end_value<'a>(
        &mut self,
        after: &'a [u8],
        sink: &mut impl FnMut(&[Key], Token<'_>),
    ) -> &'a [u8] {
        if self.depth == 0 {
            sink(&[], Token::End);
            return self.expect(ScannerState::Start, after);
        }
        self.expect(ScannerState::AfterValue, after)
    }

    fn emit(&self, token: Token<'_>, sink: &mut impl FnMut(&[Key], Token<'_>)) {
        if self.is_emitted() {
            sink(self.path(), token);
        }
    }

    /// Whether the path has only keys that matter to a format.
    fn is_emitted(&self) -> bool {
        self.others == 0
    }

    fn path(&self) -> &[Key] {
        self.path.get(..self.depth).unwrap_or_default()
    }

    fn is_in_list(&self) -> bool {
        self.depth > 0 && self.lists >> (self.depth - 1) & 1 == 1
    }
}

/// The string that begins here and its rest, if it ends in this piece and has no
/// escape.
fn whole_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (text, rest) = bytes.split_at_checked(find_either(b'"', b'\\', bytes)?)?;
    Some((text, rest.strip_prefix(b"\"")?))
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn parse_whole_number(text: &[u8]) -> Option<u64> {
    str::from_utf8(text).ok()?.parse().ok()
}
