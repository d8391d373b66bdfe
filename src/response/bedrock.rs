//! Amazon Bedrock Converse: a plain document, or messages of an event stream from
//! `messageStart` and `messageStop` to `metadata`, which has the usage.
//!
//! `inputTokens` leaves out the tokens that were read from or written to the cache; they are
//! added here. An exception is a message with a type of its own, which the framing reports.
//! Answers do not name their model; the request's path does.

use super::answer::Answer;
use super::answer_key::AnswerKey;
use super::answer_key::AnswerKey::*;
use crate::json::Token;

/// The state of reading a document or stream.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bedrock {
    /// `inputTokens`.
    uncached_input: Option<u64>,
}

// === impl Bedrock ===

impl Bedrock {
    /// Reads a value of an answer.
    pub fn read_token(&mut self, path: &[AnswerKey], token: Token<'_>, answer: &mut Answer) {
        match (path, token) {
            ([Usage, field], Token::Number(Some(count))) => self.read_usage(*field, count, answer),
            ([StopReasonCamel], Token::String(reason)) => {
                answer.finished = true;
                answer.has_answer = true;
                answer.truncation |=
                    reason.is("max_tokens") || reason.is("model_context_window_exceeded");
                answer.refusal |=
                    reason.is("guardrail_intervened") || reason.is("content_filtered");
            }
            ([Delta | Start, rest @ ..] | [Output, Message, Content, Item, rest @ ..], token) => {
                match (rest, token) {
                    ([Text], Token::String(text)) => answer.add_text(text),
                    ([CitationsContent, Content, Item, Text], Token::String(text)) => {
                        answer.add_text(text);
                    }
                    (
                        [
                            ReasoningContentCamel
                            | ToolUse
                            | ToolResult
                            | Image
                            | Audio
                            | Video
                            | Document,
                        ],
                        Token::Object,
                    ) => answer.has_content = true,
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn read_usage(&mut self, field: AnswerKey, count: u64, answer: &mut Answer) {
        let tokens = &mut answer.tokens;
        match field {
            InputTokensCamel => self.uncached_input = Some(count),
            CacheReadInputTokensCamel => tokens.cached = Some(count),
            CacheWriteInputTokens => tokens.cache_write = Some(count),
            OutputTokensCamel => tokens.output = Some(count),
            _ => return,
        }
        tokens.set_input_without_cache(self.uncached_input);
    }
}
