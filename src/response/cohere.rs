//! Cohere's Chat of version 2: a plain message, or events from `message-start` to
//! `message-end`.
//!
//! Usage is told twice, as `tokens`, what the model read and wrote, and as
//! `billed_units`, which leaves out what Cohere adds to the prompt. The first counts,
//! the second where it is not there. No answer names its model, and no signal tells a
//! refusal.

use super::answer::Answer;
use super::json_key::Key;
use super::json_key::Key::*;
use crate::json::scanner::Token;

/// What `tokens` has told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cohere {
    input: Option<u64>,
    output: Option<u64>,
}

// === impl Cohere ===

impl Cohere {
    pub fn value(&mut self, path: &[Key], token: Token<'_>, answer: &mut Answer) {
        match (path, token) {
            ([Type], Token::String(kind)) => answer.finished |= kind.is("message-end"),
            ([Delta, rest @ ..] | rest, token) => self.part(rest, token, answer),
        }
    }

    /// A part of a plain message, or of an event's `delta`.
    fn part(&mut self, path: &[Key], token: Token<'_>, answer: &mut Answer) {
        match (path, token) {
            ([Usage, rest @ ..], Token::Number(Some(count))) => self.usage(rest, count, answer),
            ([FinishReasonSnake], Token::String(reason)) => {
                answer.has_answer = true;
                answer.truncation |= reason.is("MAX_TOKENS");
                answer.error |= reason.is("ERROR") || reason.is("TIMEOUT");
            }
            ([Message, Content, Text] | [Message, Content, Item, Text], Token::String(text)) => {
                answer.text(text);
            }
            (
                [Message, Content, Thinking]
                | [Message, Content, Item, Thinking]
                | [Message, ToolPlan],
                Token::String(text),
            ) => answer.content(text),
            ([Message, ToolCalls] | [Message, ToolCalls, Item], Token::Object) => {
                answer.has_content = true;
            }
            _ => {}
        }
    }

    fn usage(&mut self, path: &[Key], count: u64, answer: &mut Answer) {
        let tokens = &mut answer.tokens;
        match path {
            [Tokens, InputTokens] => self.input = Some(count),
            [Tokens, OutputTokens] => self.output = Some(count),
            [BilledUnits, InputTokens] => tokens.input = Some(count),
            [BilledUnits, OutputTokens] => tokens.output = Some(count),
            [CachedTokens] => tokens.cached = Some(count),
            _ => {}
        }
        tokens.input = self.input.or(tokens.input);
        tokens.output = self.output.or(tokens.output);
    }
}
