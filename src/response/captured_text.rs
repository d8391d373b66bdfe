//! A bounded copy of a text, for the requests that are sampled.

/// A bounded copy of a text.
///
/// A text that exceeds the bound is not kept in part: a judge of half an answer would judge another
/// answer than the user's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CapturedText {
    bytes: Vec<u8>,
    max_bytes: usize,
    is_too_large: bool,
}

// === impl CapturedText ===

impl CapturedText {
    /// An empty text that keeps up to `max_bytes` bytes.
    pub fn new(max_bytes: usize) -> Self {
        Self { bytes: Vec::new(), max_bytes, is_too_large: false }
    }

    /// Adds a piece. A piece that exceeds the bound drops the whole text.
    pub fn push(&mut self, piece: &[u8]) {
        if self.is_too_large {
            return;
        }
        if self.fits(piece) {
            self.bytes.extend_from_slice(piece);
        } else {
            self.exceed();
        }
    }

    /// Whether the text with this piece is within the bound.
    pub fn fits(&self, piece: &[u8]) -> bool {
        self.bytes.len().saturating_add(piece.len()) <= self.max_bytes
    }

    /// Drops the text where it has more than `max_bytes` bytes.
    pub fn limit(&mut self, max_bytes: usize) {
        if self.bytes.len() > max_bytes {
            self.exceed();
        }
    }

    /// Drops the text, because a part of it was too large to be read.
    pub fn exceed(&mut self) {
        self.bytes = Vec::new();
        self.is_too_large = true;
    }

    /// Removes what was added after the text had this length.
    pub fn truncate(&mut self, length: usize) {
        self.bytes.truncate(length);
    }

    /// The number of bytes kept.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether the text was dropped because it exceeds the bound.
    pub fn is_too_large(&self) -> bool {
        self.is_too_large
    }

    /// The bytes kept.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The text; `None` if it is empty, too large, or not UTF-8.
    pub fn text(&self) -> Option<&str> {
        str::from_utf8(&self.bytes).ok().filter(|text| !text.trim().is_empty())
    }
}
