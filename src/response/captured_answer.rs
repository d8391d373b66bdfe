//! A copy of the text of an answer's first choice, while the answer is read.

use super::captured_text::CapturedText;

/// A copy of the text of an answer's first choice. It follows the choices and parts of the answer as
/// [`Openings`](super::opening::Openings) does, so that thoughts and other choices are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CapturedAnswer {
    text: CapturedText,
    /// Whether a piece did not fit. What is left out later, such as a thought, does not count.
    is_too_large: bool,
    /// Whether the current choice is not the first one.
    is_other_choice: bool,
    /// Whether the current part is not the answer's text.
    is_other_part: bool,
    before_choice: Place,
    before_part: Place,
}

/// The end of the text at some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place {
    length: usize,
    is_too_large: bool,
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
        self.before_choice = self.end();
        self.begin_part();
    }

    /// The index of the current choice.
    pub fn place_choice(&mut self, index: usize) {
        self.is_other_choice = index > 0;
        if self.is_other_choice {
            self.return_to(self.before_choice);
        }
    }

    /// A part of the current choice begins.
    pub fn begin_part(&mut self) {
        self.before_part = self.end();
        self.is_other_part = false;
    }

    /// The current part is not the answer's text.
    pub fn drop_part(&mut self) {
        self.is_other_part = true;
        self.return_to(self.before_part);
    }

    /// Adds a piece of the text of the current part.
    pub fn push(&mut self, text: &[u8]) {
        if self.is_other_choice || self.is_other_part || self.is_too_large {
            return;
        }
        match self.text.fits(text) {
            true => self.text.push(text),
            false => self.is_too_large = true,
        }
    }

    /// The text.
    pub fn into_text(mut self) -> CapturedText {
        if self.is_too_large {
            self.text.exceed();
        }
        self.text
    }

    fn end(&self) -> Place {
        Place { length: self.text.len(), is_too_large: self.is_too_large }
    }

    fn return_to(&mut self, Place { length, is_too_large }: Place) {
        self.text.truncate(length);
        self.is_too_large = is_too_large;
    }
}
