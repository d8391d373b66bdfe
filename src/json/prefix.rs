//! A fixed-size buffer for the first bytes of a text.

use super::bounded_text::BoundedText;

/// The first `CAPACITY` bytes of a text, and whether that is all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix<const CAPACITY: usize> {
    buffer: [u8; CAPACITY],
    length: usize,
    is_complete: bool,
}

// === impl Prefix ===

impl<const CAPACITY: usize> Default for Prefix<CAPACITY> {
    fn default() -> Self {
        Self { buffer: [0; CAPACITY], length: 0, is_complete: true }
    }
}

impl<const CAPACITY: usize> Prefix<CAPACITY> {
    /// Keeps the first bytes of `text`.
    pub fn new(text: &[u8]) -> Self {
        let mut prefix = Self::default();
        prefix.push(text);
        prefix
    }

    /// The bytes that are kept.
    pub fn bytes(&self) -> &[u8] {
        self.buffer.get(..self.length).unwrap_or_default()
    }

    /// The whole text, or `None` where it exceeds the capacity.
    pub fn complete(&self) -> Option<&[u8]> {
        self.is_complete.then(|| self.bytes())
    }

    /// The kept bytes as a [`BoundedText`].
    pub fn text(&self) -> BoundedText<'_> {
        BoundedText::from_kept(self.bytes(), self.is_complete)
    }

    /// Whether the text has no bytes.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Empties the buffer for the next text.
    pub fn clear(&mut self) {
        self.length = 0;
        self.is_complete = true;
    }

    /// Appends the next bytes of the text.
    pub fn push(&mut self, bytes: &[u8]) {
        let free = self.buffer.get_mut(self.length..).unwrap_or_default();
        let kept = free.len().min(bytes.len());
        if let (Some(free), Some(bytes)) = (free.get_mut(..kept), bytes.get(..kept)) {
            free.copy_from_slice(bytes);
        }
        self.length += kept;
        self.is_complete &= kept == bytes.len();
    }
}
