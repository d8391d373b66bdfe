//! Refusals that are recognised by how an answer opens, where a provider gives no signal.

use super::opening::Openings;
use super::text_folding::TextFolder;

/// Opening phrases of refusals, folded. See [`text_folding`](super::text_folding) for what is
/// ignored in a comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Phrases(Vec<Box<[u8]>>);

// === impl Phrases ===

impl Phrases {
    /// The maximum length of a phrase in bytes.
    pub const MAX_LENGTH: usize = 128;

    /// Adds a phrase. Returns whether it is valid: it has a letter or digit, no white space
    /// around it, and at most [`Self::MAX_LENGTH`] bytes.
    pub fn add(&mut self, phrase: &str) -> bool {
        let mut folded = String::new();
        let mut folder = TextFolder::default();
        phrase.bytes().for_each(|byte| folder.feed(byte, &mut |character| folded.push(character)));
        let is_valid =
            !folded.is_empty() && phrase.trim() == phrase && phrase.len() <= Self::MAX_LENGTH;
        if is_valid {
            self.0.push(folded.into_bytes().into());
        }
        is_valid
    }

    /// How many bytes of a folded text must be kept to compare them with all phrases. 0 without
    /// phrases.
    pub fn longest(&self) -> usize {
        self.0.iter().map(|phrase| phrase.len()).max().unwrap_or(0)
    }

    /// Whether the text of a choice opens with one of the phrases.
    pub fn match_any(&self, openings: &Openings) -> bool {
        let matches = |opening: &[u8]| self.0.iter().any(|phrase| opening.starts_with(phrase));
        openings.iter().any(|opening| matches(opening.bytes()))
    }
}
