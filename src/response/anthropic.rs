//! Anthropic Messages: a plain message, or events from `message_start` to `message_stop`.
//!
//! Usage is cumulative. `message_start` states it, and `message_delta` states some fields
//! again: a later number replaces an earlier one. `input_tokens` leaves out the tokens that
//! were read from or written to the cache; they are added here.
//!
//! A block of type `fallback` states that another model has taken over: it names the one that
//! answers (beta `server-side-fallback`).
//!
//! MiniMax ends a stream with the whole message, whose text the deltas had.

use super::answer::Answer;
use super::answer_key::AnswerKey;
use super::answer_key::AnswerKey::*;
use super::event_template::EventPart;
use super::format::Format;
use crate::json::Token;

/// The state of reading a message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Anthropic {
    /// `input_tokens`.
    uncached_input: Option<u64>,
    /// Whether an event had a piece of the text.
    had_text_deltas: bool,
}

// === impl Anthropic ===

impl Anthropic {
    /// What a value at this path is.
    pub fn part_at(path: &[AnswerKey]) -> EventPart {
        match path {
            [] | [Index] | [Delta] | [Delta, Type] => EventPart::Settled,
            [Delta, Text] => EventPart::Text,
            _ => EventPart::Other,
        }
    }

    /// Reads a value of an answer.
    pub fn read_token(&mut self, path: &[AnswerKey], token: Token<'_>, answer: &mut Answer) {
        match (path, token) {
            ([Usage, rest @ ..] | [Message, Usage, rest @ ..], Token::Number(Some(count))) => {
                self.read_usage(rest, count, answer);
            }
            ([Type], Token::String(event_type)) => read_event_type(event_type.bytes(), answer),
            ([StopReason] | [Delta | Message, StopReason], Token::String(reason)) => {
                answer.finish(Format::Anthropic, reason);
            }
            ([Delta, Text] | [ContentBlock, Text], Token::Text(text)) => {
                self.add_piece(text, answer);
            }
            ([Content, Item, Text], Token::Text(_)) if self.had_text_deltas => {}
            ([Content, Item, Text], Token::Text(text)) => answer.add_text(text),
            (
                [Delta, Thinking | PartialJson]
                | [Content, Item, Thinking]
                | [ContentBlock, Thinking],
                Token::String(text),
            ) => answer.add_other_content(text),
            // The summary of a compaction.
            ([Delta, Content], Token::Text(_)) => answer.has_content = true,
            // A tool call may have no arguments, and so no delta.
            ([Content, Item, Type] | [ContentBlock, Type], Token::String(block_type)) => {
                answer.has_content |=
                    !matches!(block_type.complete(), Some(b"text" | b"thinking" | b"fallback"));
                answer.has_tool_call |= block_type.bytes().ends_with(b"tool_use");
            }
            ([Model] | [Message, Model], Token::String(name)) => answer.set_model(name),
            // `message_start` has named the requested model. A plain message names the one that
            // answered.
            ([ContentBlock, To, Model], Token::String(name)) => answer.replace_model(name),
            _ => read_guardrail(path, token, answer),
        }
    }

    /// Adds a piece of a streamed text.
    #[inline]
    pub fn add_piece(&mut self, text: &[u8], answer: &mut Answer) {
        self.had_text_deltas = true;
        answer.add_text(text);
    }

    fn read_usage(&mut self, path: &[AnswerKey], count: u64, answer: &mut Answer) {
        let tokens = &mut answer.tokens;
        match path {
            [InputTokens] => self.uncached_input = Some(count),
            [CacheReadInputTokens] => tokens.cached = Some(count),
            [CacheCreationInputTokens] => tokens.cache_write = Some(count),
            [OutputTokens] => tokens.output = Some(count),
            [OutputTokensDetails, ThinkingTokens | ReasoningTokens] => {
                tokens.reasoning = Some(count);
            }
            _ => return,
        }
        tokens.set_input_without_cache(self.uncached_input);
    }
}

/// Reads what Bedrock adds to an answer of InvokeModel to a request with a guardrail: whether it has blocked
/// or changed the answer. Source: "Include a guardrail in your inference operations" in Bedrock's user guide.
pub(super) fn read_guardrail(path: &[AnswerKey], token: Token<'_>, answer: &mut Answer) {
    if let ([AmazonGuardrailAction], Token::String(action)) = (path, token) {
        answer.refusal |= action.is("INTERVENED");
    }
}

fn read_event_type(event_type: &[u8], answer: &mut Answer) {
    match event_type {
        b"message" | b"message_start" => answer.set_has_answer(),
        b"message_stop" => answer.finished = true,
        b"error" => {
            answer.error = true;
            answer.is_recognized = true;
        }
        b"message_delta" | b"content_block_start" | b"content_block_delta" => {
            answer.is_recognized = true;
        }
        _ => {}
    }
}
