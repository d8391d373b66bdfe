//! Refusals told by how an answer opens, where a provider gives no signal.

/// Opening phrases, compared without regard to the case of ASCII letters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Phrases(Vec<Box<[u8]>>);

// === impl Phrases ===

impl Phrases {
    /// The longest phrase, in bytes: as much of a delta as the scanner keeps.
    pub const MAX_LENGTH: usize = crate::json::scanner::MAX_TEXT;

    /// Adds a phrase; whether it can be one: not empty, no white space around it,
    /// at most [`Self::MAX_LENGTH`] bytes.
    pub fn add(&mut self, phrase: &str) -> bool {
        let valid =
            !phrase.is_empty() && phrase.trim() == phrase && phrase.len() <= Self::MAX_LENGTH;
        if valid {
            self.0.push(phrase.to_ascii_lowercase().into_bytes().into());
        }
        valid
    }

    /// How many bytes of an answer must be kept to compare all phrases with it,
    /// some white space before them included; 0 where there is no phrase.
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
