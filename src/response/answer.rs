//! What an answer has stated so far, whatever its format.

use super::refusal_phrases::Phrases;
use super::tokens::Tokens;
use crate::json::{BoundedText, Prefix};

/// What an answer has stated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Its token counts.
    pub tokens: Tokens,
    /// Whether it states an error.
    pub error: bool,
    /// Whether it states a refusal: the model refused, or the provider's filter stopped it.
    pub refusal: bool,
    /// Whether it ended at a token limit.
    pub truncation: bool,
    /// Whether its end was seen, so that nothing is missing.
    pub finished: bool,
    /// Whether it has a part that only an answer has: a choice, a candidate, a message.
    pub has_answer: bool,
    /// Whether it only states that an answer is being made.
    pub is_pending: bool,
    /// Whether it has generated content.
    pub has_content: bool,
    /// Whether a part of it could not be read.
    pub malformed: bool,
    /// How many complete JSON documents it has.
    pub documents: u32,
    /// The model that it names.
    pub model: Option<ModelName>,
    /// How its text opens; kept only where refusal phrases are configured.
    pub opening: Option<TextPrefix>,
}

/// The first bytes of a model's name.
pub type ModelName = Prefix<64>;

/// The first bytes of an answer's text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextPrefix {
    bytes: Vec<u8>,
    max_bytes: usize,
}

// === impl Answer ===

impl Answer {
    /// Whether nothing in it is an answer: the body was JSON of another kind.
    pub fn is_missing(&self) -> bool {
        !(self.has_answer || self.has_content || self.refusal || self.truncation)
    }

    /// Whether it is an answer without content: no text, no tool call, no reasoning, though
    /// the model neither refused nor reached a token limit.
    pub fn is_empty(&self) -> bool {
        self.has_answer && !(self.has_content || self.refusal || self.truncation || self.error)
    }

    /// Whether the model refused: the answer states it, or opens with one of `phrases`.
    pub fn is_refusal(&self, phrases: &Phrases) -> bool {
        let opening = self.opening.as_ref();
        self.refusal || opening.is_some_and(|opening| phrases.match_start_of(opening.bytes()))
    }

    /// The name of the model; empty where the answer names none.
    pub fn model_name(&self) -> &[u8] {
        self.model.as_ref().map(ModelName::bytes).unwrap_or_default()
    }

    /// Adds a piece of the answer's text.
    pub fn add_text(&mut self, text: BoundedText<'_>) {
        if text.is_empty() {
            return;
        }
        self.has_content = true;
        if let Some(opening) = &mut self.opening {
            opening.push(text.bytes());
        }
    }

    /// Adds generated content that is not the answer's text: reasoning, or a tool call.
    pub fn add_other_content(&mut self, text: BoundedText<'_>) {
        self.has_content |= !text.is_empty();
    }

    /// Sets the model's name, unless an earlier part of the answer has.
    pub fn set_model(&mut self, name: BoundedText<'_>) {
        if self.model.is_none() && !name.is_empty() {
            self.model = Some(ModelName::new(name.bytes()));
        }
    }
}

// === impl TextPrefix ===

impl TextPrefix {
    /// An empty prefix that will keep up to `max_bytes` bytes.
    pub fn new(max_bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(max_bytes), max_bytes }
    }

    /// The bytes kept so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn push(&mut self, bytes: &[u8]) {
        let free = self.max_bytes.saturating_sub(self.bytes.len());
        self.bytes.extend(bytes.iter().take(free));
    }
}
