//! Anthropic Messages: a plain message, or events from `message_start` to `message_stop`.
//!
//! Usage is cumulative. `message_start` states it, and `message_delta` states some fields
//! again: a later number replaces an earlier one. `input_tokens` leaves out the tokens that
//! were read from or written to the cache; they are added here.

use super::answer::Answer;
use super::answer_key::AnswerKey;
use super::answer_key::AnswerKey::*;
use crate::json::Token;

/// The state of reading a message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Anthropic {
    /// `input_tokens`.
    uncached_input: Option<u64>,
}

// === impl Anthropic ===

impl Anthropic {
    /// Reads a value of an answer.
    pub fn read_token(&mut self, path: &[AnswerKey], token: Token<'_>, answer: &mut Answer) {
        match (path, token) {
            ([Usage, field] | [Message, Usage, field], Token::Number(Some(count))) => {
                self.read_usage(*field, count, answer);
            }
            ([Type], Token::String(event_type)) => {
                answer.finished |= event_type.is("message_stop");
                answer.error |= event_type.is("error");
                answer.has_answer |= event_type.is("message") || event_type.is("message_start");
            }
            ([StopReason] | [Delta, StopReason], Token::String(reason)) => {
                answer.refusal |= reason.is("refusal");
                answer.truncation |=
                    reason.is("max_tokens") || reason.is("model_context_window_exceeded");
            }
            ([Delta, Text] | [Content, Item, Text], Token::String(text)) => answer.add_text(text),
            ([Delta, Thinking | PartialJson] | [Content, Item, Thinking], Token::String(text)) => {
                answer.add_other_content(text)
            }
            // A tool call may have no arguments, and so no delta.
            ([Content, Item, Type] | [ContentBlock, Type], Token::String(block_type)) => {
                answer.has_content |= !block_type.is("text") && !block_type.is("thinking");
            }
            ([Model] | [Message, Model], Token::String(name)) => answer.set_model(name),
            _ => {}
        }
    }

    fn read_usage(&mut self, field: AnswerKey, count: u64, answer: &mut Answer) {
        let tokens = &mut answer.tokens;
        match field {
            InputTokens => self.uncached_input = Some(count),
            CacheReadInputTokens => tokens.cached = Some(count),
            CacheCreationInputTokens => tokens.cache_write = Some(count),
            OutputTokens => tokens.output = Some(count),
            _ => return,
        }
        tokens.set_input_without_cache(self.uncached_input);
    }
}
