//! A text as a format looks at it.

use super::scanner::MAX_TEXT;

/// The first [`MAX_TEXT`] bytes of a text, and whether that is all of it.
///
/// The same whether the text came in one piece or in many: a format cannot tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoundedText<'a> {
    bytes: &'a [u8],
    is_whole: bool,
}

// === impl Text ===

impl<'a> BoundedText<'a> {
    /// The beginning of `text`.
    pub fn new(text: &'a [u8]) -> Self {
        match text.get(..MAX_TEXT) {
            Some(bytes) => Self { bytes, is_whole: text.len() == MAX_TEXT },
            None => Self { bytes: text, is_whole: true },
        }
    }

    /// A text of which no more than this was kept.
    pub(super) fn from_kept(bytes: &'a [u8], is_whole: bool) -> Self {
        Self { bytes, is_whole }
    }

    /// The beginning.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// All of the text, if that was told.
    pub fn complete(&self) -> Option<&'a [u8]> {
        self.is_whole.then_some(self.bytes)
    }

    /// Whether the text is `text`.
    pub fn is(&self, text: &str) -> bool {
        self.complete() == Some(text.as_bytes())
    }

    /// Whether the text has no byte.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}
