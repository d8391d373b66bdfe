//! Decodes a JSON string that has escapes or arrives in several pieces.

use super::find::find_either;

/// Decodes one string after another, from its opening quote to its closing quote.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct StringDecoder {
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
        self.state = EscapeState::Text;
        self.high_surrogate = 0;
    }

    /// Reads to the closing quote or the end of the piece, and gives `sink` what it decodes:
    /// pieces that are not empty.
    pub fn feed<'a>(&mut self, bytes: &'a [u8], sink: &mut impl FnMut(&[u8])) -> DecodedString<'a> {
        let mut rest = bytes;
        loop {
            match self.state {
                EscapeState::Text => {
                    let end = find_either(b'"', b'\\', rest).unwrap_or(rest.len());
                    let (run, next) = rest.split_at_checked(end).unwrap_or_default();
                    if !run.is_empty() {
                        self.flush_surrogate(sink);
                        sink(run);
                    }
                    match next.split_first() {
                        None => return DecodedString::Incomplete,
                        Some((b'\\', after)) => {
                            self.state = EscapeState::Backslash;
                            rest = after;
                        }
                        Some((_, after)) => {
                            self.flush_surrogate(sink);
                            return DecodedString::Complete(after);
                        }
                    }
                }
                EscapeState::Backslash | EscapeState::Unicode { .. } => {
                    let Some((&byte, after)) = rest.split_first() else {
                        return DecodedString::Incomplete;
                    };
                    let Some(state) = self.next_escape_state(byte, sink) else {
                        return DecodedString::Invalid;
                    };
                    self.state = state;
                    rest = after;
                }
            }
        }
    }

    /// Takes one byte of an escape; `None` where it is not JSON.
    fn next_escape_state(&mut self, byte: u8, sink: &mut impl FnMut(&[u8])) -> Option<EscapeState> {
        if let EscapeState::Unicode { digits_left, value } = self.state {
            let digit = u16::try_from(char::from(byte).to_digit(16)?).ok()?;
            let value = value << 4 | digit;
            if digits_left > 1 {
                return Some(EscapeState::Unicode { digits_left: digits_left - 1, value });
            }
            self.push_utf16(value, sink);
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
        self.flush_surrogate(sink);
        sink(&[character]);
        Some(EscapeState::Text)
    }

    /// Appends the character of a `\uXXXX` escape, or keeps the first half of a pair.
    fn push_utf16(&mut self, unit: u16, sink: &mut impl FnMut(&[u8])) {
        match unit {
            0xd800..=0xdbff => {
                self.flush_surrogate(sink);
                self.high_surrogate = unit;
            }
            0xdc00..=0xdfff if self.high_surrogate != 0 => {
                let pair = char::decode_utf16([self.high_surrogate, unit]).next();
                self.high_surrogate = 0;
                push_char(pair.and_then(Result::ok), sink);
            }
            _ => {
                self.flush_surrogate(sink);
                push_char(char::from_u32(u32::from(unit)), sink);
            }
        }
    }

    /// Replaces a first half that no second half follows: alone it is no character.
    fn flush_surrogate(&mut self, sink: &mut impl FnMut(&[u8])) {
        if self.high_surrogate != 0 {
            self.high_surrogate = 0;
            push_char(None, sink);
        }
    }
}

/// Gives `sink` a character in UTF-8, or the replacement character for `None`.
fn push_char(character: Option<char>, sink: &mut impl FnMut(&[u8])) {
    let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
    sink(character.encode_utf8(&mut [0; 4]).as_bytes());
}

/// The string that begins here and the bytes after its closing quote, where it ends in this
/// piece and has no escape.
pub fn unescaped_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (text, rest) = bytes.split_at_checked(find_either(b'"', b'\\', bytes)?)?;
    Some((text, rest.strip_prefix(b"\"")?))
}
