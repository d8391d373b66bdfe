//! Amazon Bedrock's Converse: a plain document, or messages of an event stream from
//! `messageStart` over `messageStop` to `metadata`, which has the usage.
//!
//! `inputTokens` leaves out what was read from or written to the cache; it is added
//! here. An exception is a message of its own kind, which its framing tells. No answer
//! names its model, which stands in the request's path.

use super::answer::Answer;
use super::json_key::Key;
use super::json_key::Key::*;
use crate::json::scanner::Token;

/// The provider's own count of input.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bedrock {
    uncached: Option<u64>,
}

// === impl Bedrock ===

impl Bedrock {
    pub fn value(&mut self, path: &[Key], token: Token<'_>, answer: &mut Answer) {
        match (path, token) {
            ([Usage, field], Token::Number(Some(count))) => self.usage(*field, count, answer),
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
                    ([Text], Token::String(text)) => answer.text(text),
                    ([CitationsContent, Content, Item, Text], Token::String(text)) => {
                        answer.text(text);
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

    fn usage(&mut self, field: Key, count: u64, answer: &mut Answer) {
        let tokens = &mut answer.tokens;
        match field {
            InputTokensCamel => self.uncached = Some(count),
            CacheReadInputTokensCamel => tokens.cached = Some(count),
            CacheWriteInputTokens => tokens.cache_write = Some(count),
            OutputTokensCamel => tokens.output = Some(count),
            _ => return,
        }
        tokens.add_cache(self.uncached);
    }
}
