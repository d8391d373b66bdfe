//! A push scanner for JSON that builds no document: it takes bytes in pieces of any size and
//! reports the values at the paths that its caller reads.
//!
//! The input is a sequence of documents, with or without white space between them, so that a
//! plain answer, JSON lines and the data of events are all scanned alike. The scanner keeps
//! the path, and the first [`BoundedText::MAX_BYTES`] bytes of a string or number that a
//! piece cuts. A document may have any length and a depth up to [`MAX_DEPTH`].
//!
//! The structure is validated. Of a number and of a string only as much is validated as is
//! needed to find its end. Grammar: RFC 8259.

use super::bounded_text::BoundedText;
use super::number::{number_length, parse_number};
use super::prefix::Prefix;
use super::string_decoder::{DecodedString, StringDecoder, unescaped_string};
use super::token::{PathKey, Token};

/// The maximum depth of a document. Answers of all known formats stay below 16.
pub const MAX_DEPTH: usize = 64;

/// The state of a scan between two pieces.
#[derive(Clone, Debug)]
pub struct Scanner<K> {
    state: ScannerState,
    depth: usize,
    path: [K; MAX_DEPTH],
    /// A bit for each open container, the outermost in the lowest bit: whether it is an
    /// array.
    arrays: u64,
    /// A bit for each open container: whether its current key is ignored. Nothing is
    /// reported while a bit is set.
    ignored: u64,
    string: StringDecoder,
    string_is_key: bool,
    /// The string or number that is in several pieces or has escapes.
    text: Prefix<{ BoundedText::MAX_BYTES }>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ScannerState {
    /// Before a document.
    Start,
    /// Before a value.
    Value,
    /// Before the first value of an array, or its end.
    FirstItem,
    /// Before the first key of an object, or its end.
    FirstKey,
    /// Before a key.
    Key,
    /// Before a colon.
    Colon,
    /// After a value in a container.
    AfterValue,
    /// Within a string that has an escape or is in several pieces.
    String,
    /// Within a number that is in several pieces.
    Number,
    /// Within a literal, of which these bytes are missing.
    Literal(&'static [u8]),
    /// Not JSON, or too deep.
    Broken,
}

// === impl Scanner ===

impl<K: PathKey> Default for Scanner<K> {
    fn default() -> Self {
        Self {
            state: ScannerState::Start,
            depth: 0,
            path: [K::IGNORED; MAX_DEPTH],
            arrays: 0,
            ignored: 0,
            string: StringDecoder::default(),
            string_is_key: false,
            text: Prefix::default(),
        }
    }
}

impl<K: PathKey> Scanner<K> {
    /// Scans the next piece, and gives `sink` each value whose path has no ignored key.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut impl FnMut(&[K], Token<'_>)) {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            rest = match self.state {
                ScannerState::String => self.string(rest, sink),
                ScannerState::Number => self.number(rest, sink),
                ScannerState::Literal(missing) => self.literal(rest, missing, sink),
                ScannerState::Broken => return,
                _ if is_white_space(byte) => after,
                ScannerState::FirstItem if byte == b']' => self.close(after, sink),
                ScannerState::Start | ScannerState::Value | ScannerState::FirstItem => {
                    self.value(byte, rest, after, sink)
                }
                ScannerState::FirstKey if byte == b'}' => self.close(after, sink),
                ScannerState::FirstKey | ScannerState::Key if byte == b'"' => self.key(after, sink),
                ScannerState::Colon if byte == b':' => self.enter(ScannerState::Value, after),
                ScannerState::AfterValue => self.after_value(byte, after, sink),
                _ => self.enter(ScannerState::Broken, after),
            };
        }
    }

    /// Whether no document is open. A number at the top level stays open until the next byte.
    pub fn is_between_documents(&self) -> bool {
        self.state == ScannerState::Start
    }

    /// Whether a document is open, even if what followed in it was not JSON.
    pub fn is_in_document(&self) -> bool {
        self.depth > 0 || !matches!(self.state, ScannerState::Start | ScannerState::Broken)
    }

    /// Whether the input was not JSON, or too deep.
    pub fn is_broken(&self) -> bool {
        self.state == ScannerState::Broken
    }

    /// Drops the open document; the next byte begins a new one.
    pub fn reset(&mut self) {
        self.state = ScannerState::Start;
        self.depth = 0;
        self.arrays = 0;
        self.ignored = 0;
    }

    // Each of the following functions consumes a part of the bytes and returns the rest.

    fn enter<'a>(&mut self, state: ScannerState, rest: &'a [u8]) -> &'a [u8] {
        self.state = state;
        rest
    }

    fn after_value<'a>(
        &mut self,
        byte: u8,
        after: &'a [u8],
        sink: &mut impl FnMut(&[K], Token<'_>),
    ) -> &'a [u8] {
        match (byte, self.is_in_array()) {
            (b',', true) => self.enter(ScannerState::Value, after),
            (b',', false) => match after.strip_prefix(b"\"") {
                Some(after) => self.key(after, sink),
                None => self.enter(ScannerState::Key, after),
            },
            (b']', true) | (b'}', false) => self.close(after, sink),
            _ => self.enter(ScannerState::Broken, after),
        }
    }

    fn value<'a>(
        &mut self,
        byte: u8,
        rest: &'a [u8],
        after: &'a [u8],
        sink: &mut impl FnMut(&[K], Token<'_>),
    ) -> &'a [u8] {
        match byte {
            b'{' => {
                self.report(Token::Object, sink);
                self.open(false, after)
            }
            b'[' => self.open(true, after),
            b'"' => match unescaped_string(after) {
                Some((text, after)) => {
                    if !self.is_text() {
                        self.report(Token::String(BoundedText::new(text)), sink);
                    } else if !text.is_empty() {
                        self.report(Token::Text(text), sink);
                    }
                    self.end_value(after, sink)
                }
                None => self.start_string(false, after),
            },
            b'-' | b'0'..=b'9' => {
                self.text.clear();
                self.number(rest, sink)
            }
            b't' => {
                self.report(Token::True, sink);
                self.literal(after, b"rue", sink)
            }
            b'f' => {
                self.report(Token::False, sink);
                self.literal(after, b"alse", sink)
            }
            b'n' => self.literal(after, b"ull", sink),
            _ => self.enter(ScannerState::Broken, after),
        }
    }

    /// Reads a key and, where they follow at once, its colon and the first byte of the value.
    /// This saves two turns of the loop in [`Self::feed`] for each key.
    fn key<'a>(&mut self, after: &'a [u8], sink: &mut impl FnMut(&[K], Token<'_>)) -> &'a [u8] {
        let Some((name, after)) = unescaped_string(after) else {
            return self.start_string(true, after);
        };
        let after = self.end_key(K::from_name(name), after);
        let Some(rest) = after.strip_prefix(b":") else { return after };
        match rest.split_first() {
            Some((&byte, after)) if !is_white_space(byte) => self.value(byte, rest, after, sink),
            _ => self.enter(ScannerState::Value, rest),
        }
    }

    fn end_key<'a>(&mut self, key: K, after: &'a [u8]) -> &'a [u8] {
        let level = self.depth.wrapping_sub(1);
        if let Some(last) = self.path.get_mut(level) {
            *last = key;
            self.ignored = with_bit(self.ignored, level, key == K::IGNORED);
        }
        self.enter(ScannerState::Colon, after)
    }

    fn number<'a>(&mut self, rest: &'a [u8], sink: &mut impl FnMut(&[K], Token<'_>)) -> &'a [u8] {
        let Some(end) = number_length(rest) else {
            self.text.push(rest);
            return self.enter(ScannerState::Number, &[]);
        };
        let (digits, after) = rest.split_at(end);
        if self.is_reported() {
            let text = if self.text.is_empty() {
                BoundedText::new(digits)
            } else {
                self.text.push(digits);
                self.text.text()
            };
            let number = text.complete().and_then(parse_number);
            sink(self.path(), Token::Number(number));
        }
        self.end_value(after, sink)
    }

    fn literal<'a>(
        &mut self,
        rest: &'a [u8],
        missing: &'static [u8],
        sink: &mut impl FnMut(&[K], Token<'_>),
    ) -> &'a [u8] {
        if let Some(after) = rest.strip_prefix(missing) {
            self.end_value(after, sink)
        } else if let Some(missing) = missing.strip_prefix(rest) {
            self.enter(ScannerState::Literal(missing), &[])
        } else {
            self.enter(ScannerState::Broken, &[])
        }
    }

    fn start_string<'a>(&mut self, is_key: bool, after: &'a [u8]) -> &'a [u8] {
        self.string.start();
        self.text.clear();
        self.string_is_key = is_key;
        self.enter(ScannerState::String, after)
    }

    fn string<'a>(&mut self, rest: &'a [u8], sink: &mut impl FnMut(&[K], Token<'_>)) -> &'a [u8] {
        let is_text = !self.string_is_key && self.is_text();
        let Self { string, text, path, depth, ignored, .. } = self;
        let decoded = match is_text {
            true if *ignored == 0 => {
                let path = path.get(..*depth).unwrap_or_default();
                string.feed(rest, &mut |piece| sink(path, Token::Text(piece)))
            }
            true => string.feed(rest, &mut |_| ()),
            false => string.feed(rest, &mut |piece| text.push(piece)),
        };
        match decoded {
            DecodedString::Incomplete => &[],
            DecodedString::Invalid => self.enter(ScannerState::Broken, &[]),
            DecodedString::Complete(after) if self.string_is_key => {
                let key = self.text.complete().map_or(K::IGNORED, K::from_name);
                self.end_key(key, after)
            }
            DecodedString::Complete(after) => {
                if !is_text {
                    self.report(Token::String(self.text.text()), sink);
                }
                self.end_value(after, sink)
            }
        }
    }

    fn open<'a>(&mut self, is_array: bool, after: &'a [u8]) -> &'a [u8] {
        let Some(level) = self.path.get_mut(self.depth) else {
            return self.enter(ScannerState::Broken, after);
        };
        *level = if is_array { K::ITEM } else { K::IGNORED };
        self.arrays = with_bit(self.arrays, self.depth, is_array);
        self.depth += 1;
        self.enter(if is_array { ScannerState::FirstItem } else { ScannerState::FirstKey }, after)
    }

    fn close<'a>(&mut self, after: &'a [u8], sink: &mut impl FnMut(&[K], Token<'_>)) -> &'a [u8] {
        self.depth = self.depth.saturating_sub(1);
        self.ignored = with_bit(self.ignored, self.depth, false);
        self.end_value(after, sink)
    }

    fn end_value<'a>(
        &mut self,
        after: &'a [u8],
        sink: &mut impl FnMut(&[K], Token<'_>),
    ) -> &'a [u8] {
        if self.depth == 0 {
            sink(&[], Token::End);
            return self.enter(ScannerState::Start, after);
        }
        self.enter(ScannerState::AfterValue, after)
    }

    fn report(&self, token: Token<'_>, sink: &mut impl FnMut(&[K], Token<'_>)) {
        if self.is_reported() {
            sink(self.path(), token);
        }
    }

    /// Whether the path has no ignored key.
    fn is_reported(&self) -> bool {
        self.ignored == 0
    }

    fn path(&self) -> &[K] {
        self.path.get(..self.depth).unwrap_or_default()
    }

    /// Whether the current value is at a text key.
    fn is_text(&self) -> bool {
        self.path().last().is_some_and(|key| key.is_text())
    }

    fn is_in_array(&self) -> bool {
        self.depth > 0 && self.arrays >> (self.depth - 1) & 1 == 1
    }
}

/// `bits` with the bit of this index set or cleared.
fn with_bit(bits: u64, index: usize, is_set: bool) -> u64 {
    let bit = 1 << index;
    if is_set { bits | bit } else { bits & !bit }
}

fn is_white_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
