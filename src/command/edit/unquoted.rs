//! JSON text within YAML quotes, and its positions there.

use std::ops::Range;

use crate::command::source::Quoting;

/// JSON text taken out of quotes, and where each of its bytes is in the quoted text.
pub struct Unquoted {
    pub json: String,
    /// For each byte of `json` its byte offset; the last entry is the end of the quoted text.
    offsets: Vec<usize>,
    quoting: Quoting,
}

// === impl Unquoted ===

impl Unquoted {
    /// The JSON text in `raw`; `None` if there is none, or if it has other escapes than JSON needs.
    pub fn new(raw: &str, quoting: Quoting) -> Option<Self> {
        match quoting {
            Quoting::Escaped => Self::unescape(raw),
            Quoting::Yaml => None,
            Quoting::Whole | Quoting::Block | Quoting::Quoted => {
                let offsets = (0..=raw.len()).collect();
                Some(Self { json: raw.to_owned(), offsets, quoting })
            }
        }
    }

    /// Removes double quotes and escapes.
    fn unescape(raw: &str) -> Option<Self> {
        let (mut json, mut offsets) = (String::new(), Vec::new());
        let mut characters = raw.char_indices();
        while let Some((at, character)) = characters.next() {
            let character = match character {
                '\\' => match characters.next()?.1 {
                    'n' | 't' | 'r' => ' ',
                    it @ ('"' | '\\' | '/') => it,
                    _ => return None,
                },
                '\n' | '\r' => ' ',
                // The quotes around the text.
                '"' => continue,
                it => it,
            };
            json.push(character);
            offsets.resize(json.len(), at);
        }
        offsets.push(raw.len());
        Some(Self { json, offsets, quoting: Quoting::Escaped })
    }

    /// The range in the quoted text of a range of the JSON text.
    pub fn quoted_range(&self, range: &Range<usize>) -> Option<Range<usize>> {
        Some(*self.offsets.get(range.start)?..*self.offsets.get(range.end)?)
    }

    /// JSON text as it is written in these quotes.
    pub fn quoted(&self, json: &str) -> String {
        match self.quoting {
            Quoting::Escaped => json.replace('\\', "\\\\").replace('"', "\\\""),
            Quoting::Quoted => json.replace('\'', "''"),
            Quoting::Whole | Quoting::Block | Quoting::Yaml => json.to_owned(),
        }
    }
}
