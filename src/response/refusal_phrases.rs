//! Refusals that are recognised by how an answer opens, where a provider gives no signal.

use crate::json::BoundedText;

/// Opening phrases of refusals. The case of ASCII letters is ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Phrases(Vec<Box<[u8]>>);

// === impl Phrases ===

impl Phrases {
    /// The maximum length of a phrase in bytes: as much of a delta as the scanner keeps.
    pub const MAX_LENGTH: usize = BoundedText::MAX_BYTES;

    /// Adds a phrase. Returns whether it is valid: not empty, no white space around it, at
    /// most [`Self::MAX_LENGTH`] bytes.
    pub fn add(&mut self, phrase: &str) -> bool {
        let is_valid =
            !phrase.is_empty() && phrase.trim() == phrase && phrase.len() <= Self::MAX_LENGTH;
        if is_valid {
            self.0.push(phrase.to_ascii_lowercase().into_bytes().into());
        }
        is_valid
    }

    /// How many bytes of an answer must be kept to compare them with all phrases, including
    /// some white space before them. 0 without phrases.
    pub fn longest(&self) -> usize {
        const WHITE_SPACE: usize = 8;
        self.0.iter().map(|phrase| phrase.len() + WHITE_SPACE).max().unwrap_or(0)
    }

    /// Whether `text` opens with one of the phrases, after white space.
    pub fn match_start_of(&self, text: &[u8]) -> bool {
        let text = text.trim_ascii_start();
        self.0.iter().any(|phrase| {
            text.get(..phrase.len()).is_some_and(|opening| opening.eq_ignore_ascii_case(phrase))
        })
    }
}
