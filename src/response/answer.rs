//! What is known of an answer so far, whatever its format.

use super::prices::{Price, Prices};
use super::refusal_phrases::Phrases;
use crate::json::bounded_text::BoundedText;
use crate::json::prefix::Prefix;

/// Tokens in one accounting for all providers: input contains what was read from
/// and written to a cache, output contains reasoning. `None` is "not told".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// All of the prompt.
    pub input: Option<u64>,
    /// Of it, read from the provider's cache.
    pub cached: Option<u64>,
    /// Of it, written to the provider's cache.
    pub cache_write: Option<u64>,
    /// All that was generated.
    pub output: Option<u64>,
    /// Of it, reasoning.
    pub reasoning: Option<u64>,
}

/// What an answer has told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Its usage.
    pub tokens: Tokens,
    /// It said that it is an error.
    pub error: bool,
    /// The model refused, or the provider's filter stopped it.
    pub refusal: bool,
    /// It ended for want of tokens.
    pub truncation: bool,
    /// Its end was seen: nothing is missing.
    pub finished: bool,
    /// There is something in it that is an answer's: a choice, a candidate, a message.
    pub has_answer: bool,
    /// It is no answer yet, but says that one is being made.
    pub is_pending: bool,
    /// Something that was generated has come.
    pub has_content: bool,
    /// Some of it could not be read.
    pub malformed: bool,
    /// How many JSON documents of it were complete.
    pub documents: u32,
    /// The model that it names.
    pub model: Option<ModelName>,
    /// How the text opens, while that is of interest.
    pub opening: Option<TextPrefix>,
}

/// The beginning of a model's name.
pub type ModelName = Prefix<64>;

/// The first bytes of an answer's text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextPrefix {
    bytes: Vec<u8>,
    wanted: usize,
}

// === impl Tokens ===

impl Tokens {
    /// The input of a provider whose own count, which this is, leaves out what was read
    /// from and written to the cache.
    pub fn add_cache(&mut self, uncached: Option<u64>) {
        self.input = uncached.map(|uncached| {
            uncached
                .saturating_add(self.cached.unwrap_or_default())
                .saturating_add(self.cache_write.unwrap_or_default())
        });
    }
}

// === impl Answer ===

impl Answer {
    /// Whether nothing in it is an answer: it was JSON of another kind.
    pub fn is_missing(&self) -> bool {
        !(self.has_answer || self.has_content || self.refusal || self.truncation)
    }

    /// Whether it is an answer with nothing in it: no text, no call of a tool, no reasoning,
    /// though the model neither refused nor ran out of tokens.
    pub fn is_empty(&self) -> bool {
        self.has_answer && !(self.has_content || self.refusal || self.truncation || self.error)
    }

    /// Whether the model refused, by the provider's word or by how the answer opens.
    pub fn is_refusal(&self, phrases: &Phrases) -> bool {
        let opening = self.opening.as_ref();
        self.refusal || opening.is_some_and(|opening| phrases.match_start_of(opening.bytes()))
    }

    /// What the tokens of the model that it names cost, if that has a price.
    pub fn price<'p>(&self, prices: &'p Prices) -> Option<&'p Price> {
        prices.find(self.model.as_ref().map(ModelName::bytes).unwrap_or_default())
    }

    /// Some of the answer's text has come.
    pub fn text(&mut self, text: BoundedText<'_>) {
        if text.is_empty() {
            return;
        }
        self.has_content = true;
        if let Some(opening) = &mut self.opening {
            opening.push(text.bytes());
        }
    }

    /// Something that was generated has come that is no text of the answer:
    /// reasoning, or the call of a tool.
    pub fn content(&mut self, text: BoundedText<'_>) {
        self.has_content |= !text.is_empty();
    }

    /// The model that the answer names. The first name stays.
    pub fn model(&mut self, name: BoundedText<'_>) {
        if self.model.is_none() && !name.is_empty() {
            self.model = Some(ModelName::new(name.bytes()));
        }
    }
}

// === impl Opening ===

impl TextPrefix {
    /// To keep the first `wanted` bytes.
    pub fn new(wanted: usize) -> Self {
        Self { bytes: Vec::with_capacity(wanted), wanted }
    }

    /// The bytes kept so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn push(&mut self, bytes: &[u8]) {
        let room = self.wanted.saturating_sub(self.bytes.len());
        self.bytes.extend(bytes.iter().take(room));
    }
}
