//! How the text of an answer opens, which refusal phrases are compared with.
//!
//! An answer may have several choices whose pieces alternate, and parts that turn out not to be
//! its text only after they have arrived, because the order of keys in JSON is free: an index
//! after the text, or a mark that the text is a thought.

use super::captured_answer::CapturedAnswer;
use super::captured_text::CapturedText;
use super::text_folding::TextFolder;

/// The first bytes of one text, folded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    bytes: Vec<u8>,
    folder: TextFolder,
}

/// The openings of an answer's choices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Openings {
    /// Whether openings or the text are kept. It is checked at each piece of a text.
    is_kept: bool,
    /// How many bytes of each text are kept; 0 where none are needed.
    max_bytes: usize,
    /// The text of the first choice, where the request is sampled.
    captured: Option<Box<CapturedAnswer>>,
    choices: Vec<Opening>,
    /// The text of a choice whose index is not known yet.
    unplaced: Vec<u8>,
    choice: CurrentChoice,
    /// How the opening of the current choice was before its current part.
    before_part: PartStart,
    /// Whether the current part is not the answer's text.
    is_other_part: bool,
}

/// The choice that the text belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CurrentChoice {
    /// It has this index.
    Placed(usize),
    /// Its index has not arrived; it is at this place in the list of choices.
    Unplaced(usize),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct PartStart {
    length: usize,
    unplaced_length: usize,
    folder: TextFolder,
}

// === impl Opening ===

impl Opening {
    /// The bytes kept so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn push(&mut self, text: &[u8], max_bytes: usize) {
        let Self { bytes, folder } = self;
        for byte in text {
            if bytes.len() >= max_bytes {
                return;
            }
            folder.feed(*byte, &mut |character| {
                let mut encoded = [0; 4];
                let free = max_bytes.saturating_sub(bytes.len());
                bytes.extend(character.encode_utf8(&mut encoded).bytes().take(free));
            });
        }
    }
}

// === impl CurrentChoice ===

impl Default for CurrentChoice {
    fn default() -> Self {
        Self::Placed(0)
    }
}

// === impl Openings ===

impl Openings {
    /// The openings of more choices are not kept.
    pub const MAX_CHOICES: usize = 8;

    /// How many bytes of a text wait for the index of their choice. A delta is smaller; a longer
    /// text is placed by its place in the list.
    const MAX_UNPLACED: usize = 256;

    /// Openings of up to `max_bytes` bytes.
    pub fn new(max_bytes: usize) -> Self {
        Self { is_kept: max_bytes > 0, max_bytes, ..Self::default() }
    }

    /// Keeps the text of the first choice too, if it has at most `max_bytes` bytes.
    pub fn capture_text(&mut self, max_bytes: usize) {
        self.is_kept = true;
        self.captured = Some(Box::new(CapturedAnswer::new(max_bytes)));
    }

    /// Whether openings or the text are kept.
    pub fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// Takes the text of the first choice; `None` unless it is captured.
    pub fn take_captured(&mut self) -> Option<CapturedText> {
        self.captured.take().map(|it| it.into_text())
    }

    /// The opening of each choice.
    pub fn iter(&self) -> impl Iterator<Item = &Opening> {
        self.choices.iter()
    }

    /// A choice begins, at this place in the list of choices.
    pub fn begin_choice(&mut self, place: usize) {
        if self.is_kept {
            self.end_choice();
            self.choice = CurrentChoice::Unplaced(place);
            self.with_captured(|it| it.begin_choice(place));
            self.begin_part();
        }
    }

    /// The index of the current choice.
    pub fn place_choice(&mut self, index: usize) {
        if let CurrentChoice::Unplaced(_) = self.choice
            && self.is_kept
        {
            self.choice = CurrentChoice::Placed(index);
            self.with_captured(|it| it.place_choice(index));
            self.flush();
        }
    }

    /// The current choice has ended, and further text belongs to the first one.
    pub fn end_choice(&mut self) {
        if let CurrentChoice::Unplaced(place) = self.choice {
            self.choice = CurrentChoice::Placed(place);
            self.flush();
        }
        self.choice = CurrentChoice::default();
    }

    /// A part of the current choice begins.
    pub fn begin_part(&mut self) {
        if self.is_kept {
            self.with_captured(CapturedAnswer::begin_part);
            self.mark_part();
        }
    }

    /// Remembers where the current part begins in the opening.
    fn mark_part(&mut self) {
        let opening = self.current();
        let (length, folder) =
            opening.map(|opening| (opening.bytes.len(), opening.folder)).unwrap_or_default();
        let unplaced_length = self.unplaced.len();
        self.before_part = PartStart { length, unplaced_length, folder };
        self.is_other_part = false;
    }

    /// The current part is not the answer's text.
    pub fn drop_part(&mut self) {
        if !self.is_kept || std::mem::replace(&mut self.is_other_part, true) {
            return;
        }
        self.with_captured(CapturedAnswer::drop_part);
        let PartStart { length, unplaced_length, folder } = self.before_part;
        self.unplaced.truncate(unplaced_length);
        if let Some(opening) = self.current_mut() {
            opening.bytes.truncate(length);
            opening.folder = folder;
        }
    }

    /// Adds a piece of the text of the current part.
    pub fn push(&mut self, text: &[u8]) {
        if !self.is_kept || self.is_other_part {
            return;
        }
        self.with_captured(|it| it.push(text));
        if let CurrentChoice::Unplaced(place) = self.choice {
            if self.unplaced.len() + text.len() <= Self::MAX_UNPLACED {
                self.unplaced.extend_from_slice(text);
                return;
            }
            self.choice = CurrentChoice::Placed(place);
            self.flush();
        }
        let max_bytes = self.max_bytes;
        if let Some(opening) = self.current_mut() {
            opening.push(text, max_bytes);
        }
    }

    /// Adds the waiting text to the opening of the current choice.
    fn flush(&mut self) {
        let is_other_part = self.is_other_part;
        let unplaced = std::mem::take(&mut self.unplaced);
        let max_bytes = self.max_bytes;
        let (before, part) =
            unplaced.split_at_checked(self.before_part.unplaced_length).unwrap_or_default();
        if let Some(opening) = self.current_mut() {
            opening.push(before, max_bytes);
        }
        self.mark_part();
        self.is_other_part = is_other_part;
        if let Some(opening) = self.current_mut() {
            opening.push(part, max_bytes);
        }
        self.unplaced = unplaced;
        self.unplaced.clear();
        self.before_part.unplaced_length = 0;
    }

    fn with_captured(&mut self, change: impl FnOnce(&mut CapturedAnswer)) {
        if let Some(captured) = &mut self.captured {
            change(captured);
        }
    }

    fn current(&self) -> Option<&Opening> {
        match self.choice {
            CurrentChoice::Placed(index) => self.choices.get(index),
            CurrentChoice::Unplaced(_) => None,
        }
    }

    /// The opening of the current choice, once it has a place.
    fn current_mut(&mut self) -> Option<&mut Opening> {
        let CurrentChoice::Placed(index) = self.choice else { return None };
        if index >= Self::MAX_CHOICES {
            return None;
        }
        while self.choices.len() <= index {
            self.choices.push(Opening::default());
        }
        self.choices.get_mut(index)
    }
}
