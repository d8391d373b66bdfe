//! Brings a text into a form in which two writings of the same words are equal.
//!
//! Letters are compared without case. Apostrophes, quotes and dashes of any kind are ASCII's,
//! white space is one space, and marks of Markdown and characters of no width are dropped. What
//! comes before the first letter or digit is dropped as well: white space, marks, list bullets,
//! tags of HTML, and a block of reasoning in tags such as `<think>`, which models without a
//! reasoning parser write before their answer.

/// Folds a text that arrives in pieces of any size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TextFolder {
    state: FolderState,
    /// The bytes of a character that is not complete.
    partial: [u8; 4],
    partial_length: u8,
    /// Whether white space is to be written before the next character.
    is_after_space: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum FolderState {
    /// Before the first letter or digit.
    #[default]
    Start,
    /// After `<` at the start of the text.
    Tag(TagName),
    /// Within a tag after its name.
    InTag(TagName),
    /// Within a block of reasoning: how many bytes of its end tag were matched.
    Block(TagName, u8),
    /// Within the text.
    Text,
}

/// The first bytes of a tag's name, in lower case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct TagName {
    bytes: [u8; Self::MAX_BYTES],
    length: u8,
}

// === impl TextFolder ===

impl TextFolder {
    /// Folds the next byte of the text, and gives `sink` the characters.
    pub fn feed(&mut self, byte: u8, sink: &mut impl FnMut(char)) {
        if let Some(character) = self.decode(byte) {
            self.fold(character, sink);
        }
    }

    /// Decodes UTF-8. What is not UTF-8 is replaced.
    fn decode(&mut self, byte: u8) -> Option<char> {
        if self.partial_length == 0 && byte.is_ascii() {
            return Some(char::from(byte));
        }
        if let Some(next) = self.partial.get_mut(usize::from(self.partial_length)) {
            *next = byte;
            self.partial_length += 1;
        }
        let bytes = self.partial.get(..usize::from(self.partial_length)).unwrap_or_default();
        match str::from_utf8(bytes) {
            Ok(text) => {
                let character = text.chars().next();
                self.partial_length = 0;
                character
            }
            Err(error) if error.error_len().is_none() && self.partial_length < 4 => None,
            Err(_) => {
                self.partial_length = 0;
                Some(char::REPLACEMENT_CHARACTER)
            }
        }
    }

    fn fold(&mut self, character: char, sink: &mut impl FnMut(char)) {
        match self.state {
            FolderState::Start if character == '<' => {
                self.state = FolderState::Tag(TagName::default());
            }
            FolderState::Start if is_before_text(character) => {}
            FolderState::Start | FolderState::Text => {
                self.state = FolderState::Text;
                self.fold_text(character, sink);
            }
            FolderState::Tag(mut name) => {
                let is_part = character.is_ascii_alphanumeric() || matches!(character, '/' | '_');
                if is_part || (character == '|' && name.length == 0) {
                    name.push(character);
                    self.state = FolderState::Tag(name);
                } else if name.length == 0 {
                    // It is no tag.
                    self.state = FolderState::Start;
                    self.fold(character, sink);
                } else {
                    self.state = FolderState::InTag(name);
                    self.fold(character, sink);
                }
            }
            FolderState::InTag(name) if character == '>' => {
                self.state = match name.is_reasoning() {
                    true => FolderState::Block(name, 0),
                    false => FolderState::Start,
                };
            }
            FolderState::InTag(_) => {}
            FolderState::Block(name, matched) => {
                self.state = name.next_state_in_block(character, matched);
            }
        }
    }

    fn fold_text(&mut self, character: char, sink: &mut impl FnMut(char)) {
        match character {
            '*'
            | '_'
            | '`'
            | '~'
            | '#'
            | '\u{ad}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2060}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' => return,
            _ if is_white_space(character) => {
                self.is_after_space = true;
                return;
            }
            _ => {}
        }
        if std::mem::take(&mut self.is_after_space) {
            sink(' ');
        }
        match character {
            '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}' | '\u{2032}' | '\u{2bc}'
            | '\u{2b9}' | '\u{b4}' | '\u{ff07}' => sink('\''),
            '\u{201c}'..='\u{201f}' | '\u{ab}' | '\u{bb}' | '\u{2033}' | '\u{ff02}' => sink('"'),
            '\u{2010}'..='\u{2015}' | '\u{2212}' => sink('-'),
            // The full case folding of Unicode, where it differs from the lower case.
            'ß' | 'ẞ' => "ss".chars().for_each(sink),
            'ς' => sink('σ'),
            'ſ' => sink('s'),
            _ => character.to_lowercase().for_each(sink),
        }
    }
}

// === impl TagName ===

impl TagName {
    const MAX_BYTES: usize = 16;

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }

    fn push(&mut self, character: char) {
        if let Some(next) = self.bytes.get_mut(usize::from(self.length)) {
            *next = u8::try_from(character.to_ascii_lowercase()).unwrap_or_default();
            self.length += 1;
        }
    }

    /// Whether a block with this tag is reasoning, as reasoning models write it.
    fn is_reasoning(&self) -> bool {
        matches!(
            self.bytes(),
            b"think"
                | b"thinking"
                | b"thought"
                | b"thoughts"
                | b"reasoning"
                | b"reason"
                | b"reflection"
                | b"analysis"
                | b"scratchpad"
        )
    }

    /// The state after a character in the block of this tag, of whose end tag `matched` bytes
    /// came before it.
    fn next_state_in_block(self, character: char, matched: u8) -> FolderState {
        let end_tag = |index: u8| match index {
            0 => Some(b'<'),
            1 => Some(b'/'),
            index if index - 2 < self.length => self.bytes.get(usize::from(index - 2)).copied(),
            _ => Some(b'>'),
        };
        let is_next =
            |index| end_tag(index).map(char::from) == Some(character.to_ascii_lowercase());
        if is_next(matched) {
            let is_end = matched == self.length + 2;
            if is_end { FolderState::Start } else { FolderState::Block(self, matched + 1) }
        } else {
            FolderState::Block(self, u8::from(is_next(0)))
        }
    }
}

/// Whether a character before the text does not belong to it: no letter and no digit.
fn is_before_text(character: char) -> bool {
    match character {
        '\0'..='\x7f' => !character.is_ascii_alphanumeric(),
        '\u{80}'..='\u{bf}' => !matches!(character, 'ª' | 'µ' | 'º'),
        // Punctuation, arrows, symbols, emoji and what modifies them.
        '\u{2000}'..='\u{206f}'
        | '\u{20a0}'..='\u{20cf}'
        | '\u{2190}'..='\u{2bff}'
        | '\u{2e00}'..='\u{2e7f}'
        | '\u{3000}'..='\u{3004}'
        | '\u{3008}'..='\u{3020}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{ff01}'..='\u{ff0f}'
        | '\u{fffd}'
        | '\u{1f000}'..='\u{1faff}' => true,
        _ => false,
    }
}

fn is_white_space(character: char) -> bool {
    matches!(
        character,
        ' ' | '\t'..='\r' | '\u{85}' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}'
            | '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}
