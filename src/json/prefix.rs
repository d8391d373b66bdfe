//! The beginning of a text of any length.

use super::bounded_text::BoundedText;

/// The first `CAPACITY` bytes of a text, and whether that is all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix<const CAPACITY: usize> {
    bytes: [u8; CAPACITY],
    kept: usize,
    is_whole: bool,
}

// === impl Prefix ===

impl<const CAPACITY: usize> Default for Prefix<CAPACITY> {
    fn default() -> Self {
        Self { bytes: [0; CAPACITY], kept: 0, is_whole: true }
    }
}

impl<const CAPACITY: usize> Prefix<CAPACITY> {
    /// The beginning of `text`.
    pub fn new(text: &[u8]) -> Self {
        let mut prefix = Self::default();
        prefix.push(text);
        prefix
    }

    /// The bytes that were kept.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.kept).unwrap_or_default()
    }

    /// All of the text, if it was short enough to be kept.
    pub fn complete(&self) -> Option<&[u8]> {
        self.is_whole.then(|| self.bytes())
    }

    /// The text, as a format looks at it.
    pub fn text(&self) -> BoundedText<'_> {
        BoundedText::from_kept(self.bytes(), self.is_whole)
    }

    /// Whether the text has no byte.
    pub fn is_empty(&self) -> bool {
        self.kept == 0
    }

    /// Begins with another text.
    pub fn clear(&mut self) {
        self.kept = 0;
        self.is_whole = true;
    }

    /// The text goes on.
    pub fn push(&mut self, bytes: &[u8]) {
        let room = self.bytes.get_mut(self.kept..).unwrap_or_default();
        let taken = room.len().min(bytes.len());
        if let (Some(room), Some(bytes)) = (room.get_mut(..taken), bytes.get(..taken)) {
            room.copy_from_slice(bytes);
        }
        self.kept += taken;
        self.is_whole &= taken == bytes.len();
    }

    /// The text goes on with `character`.
    pub fn push_char(&mut self, character: char) {
        self.push(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
}
