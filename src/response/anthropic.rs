//! Anthropic Messages: a plain message, or events from `message_start` to
//! `message_stop`.
//!
//! Usage is cumulative and told field by field, in `message_start` and again in
//! `message_delta`: each later number replaces the earlier. `input_tokens` leaves
//! out what was read from or written to the cache; it is added here.

use super::answer::Answer;
use super::json_key::Key;
use super::json_key::Key::*;
use crate::json::scanner::Token;

/// The provider's own count of input.
#[derive(Clone, Copy, Debug, Default)]
pub struct Anthropic {
    uncached: Option<u64>,
}

// === impl Anthropic ===

impl Anthropic {
    pub fn value(&mut self, path: &[Key], token: Token<'_>, answer: &mut Answer) {
        match (path, token) {
            ([Usage, field] | [Message, Usage, field], Token::Number(Some(count))) => {
                self.usage(*field, count, answer);
            }
            ([Type], Token::String(kind)) => {
                answer.finished |= kind.is("message_stop");
                answer.error |= kind.is("error");
                answer.has_answer |= kind.is("message") || kind.is("message_start");
            }
            ([StopReason] | [Delta, StopReason], Token::String(reason)) => {
                answer.refusal |= reason.is("refusal");
                answer.truncation |=
                    reason.is("max_tokens") || reason.is("model_context_window_exceeded");
            }
            ([Delta, Text] | [Content, Item, Text], Token::String(text)) => answer.text(text),
            ([Delta, Thinking | PartialJson] | [Content, Item, Thinking], Token::String(text)) => {
                answer.content(text)
            }
            // A tool may be called without arguments, of which no delta tells then.
            ([Content, Item, Type] | [ContentBlock, Type], Token::String(kind)) => {
                answer.has_content |= !kind.is("text") && !kind.is("thinking");
            }
            ([Model] | [Message, Model], Token::String(name)) => answer.model(name),
            _ => {}
        }
    }

    fn usage(&mut self, field: Key, count: u64, answer: &mut Answer) {
        let tokens = &mut answer.tokens;
        match field {
            InputTokens => self.uncached = Some(count),
            CacheReadInputTokens => tokens.cached = Some(count),
            CacheCreationInputTokens => tokens.cache_write = Some(count),
            OutputTokens => tokens.output = Some(count),
            _ => return,
        }
        tokens.add_cache(self.uncached);
    }
}
