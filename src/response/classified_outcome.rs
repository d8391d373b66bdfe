//! An outcome under a configuration's rules: its class, whether it is a refusal, its cost.
//!
//! Counters and gates use the same values, so they are computed once for each response.

use super::answer::Answer;
use super::classification::{Class, LimitPolicy};
use super::outcome::Outcome;
use super::prices::{Price, Prices};
use super::refusal_phrases::Phrases;
use super::tokens::Tokens;

/// The rules of a configuration by which outcomes are classified.
#[derive(Clone, Copy, Debug)]
pub struct ClassificationRules<'a> {
    /// How answers open that are refusals.
    pub phrases: &'a Phrases,
    /// What tokens cost.
    pub prices: &'a Prices,
    /// How limits count.
    pub limits: LimitPolicy,
}

/// An outcome with its class, and with what its answer comes to.
#[derive(Clone, Copy, Debug)]
pub struct ClassifiedOutcome<'a> {
    outcome: &'a Outcome,
    class: Class,
    is_refusal: bool,
    price: Option<&'a Price>,
}

// === impl Outcome ===

impl Outcome {
    /// Classifies the outcome.
    pub fn classify<'a>(&'a self, rules: ClassificationRules<'a>) -> ClassifiedOutcome<'a> {
        let answer = self.read_answer();
        ClassifiedOutcome {
            outcome: self,
            class: self.class(rules.limits),
            is_refusal: answer.is_some_and(|answer| answer.is_refusal(rules.phrases)),
            price: answer
                .or(self.embeddings.as_ref())
                .and_then(|answer| rules.prices.find(answer.model_name())),
        }
    }
}

// === impl ClassifiedOutcome ===

impl<'a> ClassifiedOutcome<'a> {
    /// The outcome.
    pub fn outcome(&self) -> &'a Outcome {
        self.outcome
    }

    /// The class of the outcome.
    pub fn class(&self) -> Class {
        self.class
    }

    /// The answer, if it was read.
    pub fn answer(&self) -> Option<&'a Answer> {
        self.outcome.read_answer()
    }

    /// The token counts of the answer, or of a response with embeddings.
    pub fn tokens(&self) -> Option<&'a Tokens> {
        self.answer_with_tokens().map(|answer| &answer.tokens)
    }

    /// Whether the answer, or a response with embeddings, states a token count that is not plausible.
    pub fn has_implausible_tokens(&self) -> bool {
        self.answer_with_tokens().is_some_and(|answer| answer.has_implausible_tokens)
    }

    fn answer_with_tokens(&self) -> Option<&'a Answer> {
        self.answer().or(self.outcome.embeddings.as_ref())
    }

    /// Whether the answer was read and is a refusal.
    pub fn is_refusal(&self) -> bool {
        self.is_refusal
    }

    /// The cost of the answer in millionths of a US dollar; `None` where it was not read or
    /// its model has no price.
    pub fn cost_microusd(&self) -> Option<u64> {
        Some(self.price?.cost(self.tokens()?))
    }

    /// The same, priced as if no input had been read from or written to a cache.
    pub fn uncached_cost_microusd(&self) -> Option<u64> {
        let tokens = self.answer()?.tokens;
        Some(self.price?.cost(&Tokens { cached: None, cache_write: None, ..tokens }))
    }
}
