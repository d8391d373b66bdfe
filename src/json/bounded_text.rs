//! A string or number of which a bounded part is kept.

/// The first [`MAX_BYTES`](Self::MAX_BYTES) bytes of a text, and whether that is all of it.
///
/// The value is the same whether the text arrived in one piece or in many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoundedText<'a> {
    bytes: &'a [u8],
    is_complete: bool,
}

// === impl BoundedText ===

impl<'a> BoundedText<'a> {
    /// How many bytes of a string, a number or a key are kept.
    pub const MAX_BYTES: usize = 128;

    /// Keeps the first bytes of a text that is at hand as a whole.
    pub fn new(text: &'a [u8]) -> Self {
        match text.get(..Self::MAX_BYTES) {
            Some(bytes) => Self { bytes, is_complete: text.len() == Self::MAX_BYTES },
            None => Self { bytes: text, is_complete: true },
        }
    }

    /// Wraps the part of a text that was kept elsewhere.
    pub(super) fn from_kept(bytes: &'a [u8], is_complete: bool) -> Self {
        Self { bytes, is_complete }
    }

    /// The bytes that are kept.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The whole text, or `None` where only a part of it is kept.
    pub fn complete(&self) -> Option<&'a [u8]> {
        self.is_complete.then_some(self.bytes)
    }

    /// Whether the whole text equals `expected`.
    pub fn is(&self, expected: &str) -> bool {
        self.complete() == Some(expected.as_bytes())
    }

    /// Whether the text has no bytes.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}
