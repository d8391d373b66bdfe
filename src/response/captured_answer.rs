//! A copy of the text of an answer's first choice, while the answer is read.

use super::captured_text::CapturedText;

/// A copy of the text of an answer's first choice. It follows the choices and parts of the answer as
/// [`Openings`](super::opening::Openings) does, so that thoughts and other choices are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CapturedAnswer {
    text: CapturedText,
    /// Whether the current choice is not the first one.
    is_other_choice: bool,
    /// Whether the current part is not the answer's text.
    is_other_part: bool,
    /// The length of the text before the current choice, and before the current part.
    before_choice: usize,
    before_part: usize,
}

// === impl CapturedAnswer ===

impl CapturedAnswer {
    /// An answer without text, of which up to `max_bytes` bytes are kept.
    pub fn new(max_bytes: usize) -> Self {
        Self { text: CapturedText::new(max_bytes), ..Self::default() }
    }

    /// A choice begins, at this place in the list of choices.
    pub fn begin_choice(&mut self, place: usize) {
        self.is_other_choice = place > 0;
        self.before_choice = self.text.len();
        self.begin_part();
    }

    /// The index of the current choice.
    pub fn place_choice(&mut self, index: usize) {
        self.is_other_choice = index > 0;
        if self.is_other_choice {
            self.text.truncate(self.before_choice);
        }
    }

    /// A part of the current choice begins.
    pub fn begin_part(&mut self) {
        self.before_part = self.text.len();
        self.is_other_part = false;
    }

    /// The current part is not the answer's text.
    pub fn drop_part(&mut self) {
        self.is_other_part = true;
        self.text.truncate(self.before_part);
    }

    /// Adds a piece of the text of the current part.
    pub fn push(&mut self, text: &[u8]) {
        if !self.is_other_choice && !self.is_other_part {
            self.text.push(text);
        }
    }

    /// The text.
    pub fn into_text(self) -> CapturedText {
        self.text
    }
}
