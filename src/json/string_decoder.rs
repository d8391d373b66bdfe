//! Decodes a JSON string that has escapes or arrives in several pieces.

use super::bounded_text::BoundedText;
use super::find::find_either;
use super::prefix::Prefix;

/// Decodes one string after another, from its opening quote to its closing quote.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct StringDecoder {
    text: Prefix<{ BoundedText::MAX_BYTES }>,
    state: EscapeState,
    /// The first half of a surrogate pair, or 0.
    high_surrogate: u16,
}

/// What [`StringDecoder::feed`] found.
pub(super) enum DecodedString<'a> {
    /// The piece ended within the string.
    Incomplete,
    /// The closing quote was found; these bytes follow it.
    Complete(&'a [u8]),
    /// An escape is not JSON.
    Invalid,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum EscapeState {
    /// Outside an escape.
    #[default]
    Text,
    /// After a backslash.
    Backslash,
    /// Within `\uXXXX`.
    Unicode { digits_left: u8, value: u16 },
}

// === impl StringDecoder ===

impl StringDecoder {
    /// Starts a string after its opening quote.
    pub fn start(&mut self) {
        self.text.clear();
        self.state = EscapeState::Text;
        self.high_surrogate = 0;
    }

    /// The string, once it is complete.
    pub fn text(&self) -> BoundedText<'_> {
        self.text.text()
    }

    /// Reads to the closing quote or the end of the piece.
    pub fn feed<'a>(&mut self, bytes: &'a [u8]) -> DecodedString<'a> {
        let mut rest = bytes;
        loop {
            match self.state {
                EscapeState::Text => {
                    let end = find_either(b'"', b'\\', rest).unwrap_or(rest.len());
                    let (run, next) = rest.split_at_checked(end).unwrap_or_default();
                    if !run.is_empty() {
                        self.flush_surrogate();
                        self.text.push(run);
                    }
                    match next.split_first() {
                        None => return DecodedString::Incomplete,
                        Some((b'\\', after)) => {
                            self.state = EscapeState::Backslash;
                            rest = after;
                        }
                        Some((_, after)) => {
                            self.flush_surrogate();
                            return DecodedString::Complete(after);
                        }
                    }
                }
                EscapeState::Backslash | EscapeState::Unicode { .. } => {
                    let Some((&byte, after)) = rest.split_first() else {
                        return DecodedString::Incomplete;
                    };
                    let Some(state) = self.next_escape_state(byte) else {
                        return DecodedString::Invalid;
                    };
                    self.state = state;
                    rest = after;
                }
            }
        }
    }

    /// Takes one byte of an escape; `None` where it is not JSON.
    fn next_escape_state(&mut self, byte: u8) -> Option<EscapeState> {
        if let EscapeState::Unicode { digits_left, value } = self.state {
            let digit = u16::try_from(char::from(byte).to_digit(16)?).ok()?;
            let value = value << 4 | digit;
            if digits_left > 1 {
                return Some(EscapeState::Unicode { digits_left: digits_left - 1, value });
            }
            self.push_utf16(value);
            return Some(EscapeState::Text);
        }
        let character = match byte {
            b'"' | b'\\' | b'/' => byte,
            b'b' => b'\x08',
            b'f' => b'\x0c',
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => return Some(EscapeState::Unicode { digits_left: 4, value: 0 }),
            _ => return None,
        };
        self.flush_surrogate();
        self.text.push(&[character]);
        Some(EscapeState::Text)
    }

    /// Appends the character of a `\uXXXX` escape, or keeps the first half of a pair.
    fn push_utf16(&mut self, unit: u16) {
        match unit {
            0xd800..=0xdbff => {
                self.flush_surrogate();
                self.high_surrogate = unit;
            }
            0xdc00..=0xdfff if self.high_surrogate != 0 => {
                let pair = char::decode_utf16([self.high_surrogate, unit]).next();
                self.high_surrogate = 0;
                self.text
                    .push_char(pair.and_then(Result::ok).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            _ => {
                self.flush_surrogate();
                let character = char::from_u32(u32::from(unit));
                self.text.push_char(character.unwrap_or(char::REPLACEMENT_CHARACTER));
            }
        }
    }

    /// Replaces a first half that no second half follows: alone it is no character.
    fn flush_surrogate(&mut self) {
        if self.high_surrogate != 0 {
            self.high_surrogate = 0;
            self.text.push_char(char::REPLACEMENT_CHARACTER);
        }
    }
}

/// The string that begins here and the bytes after its closing quote, where it ends in this
/// piece and has no escape.
pub(super) fn unescaped_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (text, rest) = bytes.split_at_checked(find_either(b'"', b'\\', bytes)?)?;
    Some((text, rest.strip_prefix(b"\"")?))
}
