//! Cohere Chat, version 2: a plain message, or events from `message-start` to `message-end`.
//!
//! Usage is stated twice: `tokens` counts what the model read and wrote, `billed_units` leaves
//! out what Cohere adds to the prompt. `tokens` counts, or `billed_units` where it is missing.
//! Answers do not name their model, and signal no refusal of the model.

use super::answer::Answer;
use super::answer_key::AnswerKey;
use super::answer_key::AnswerKey::*;
use super::format::Format;
use crate::json::Token;

/// The counts in `tokens`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cohere {
    input: Option<u64>,
    output: Option<u64>,
}

// === impl Cohere ===

impl Cohere {
    /// Reads a value of an answer.
    pub fn read_token(&mut self, path: &[AnswerKey], token: Token<'_>, answer: &mut Answer) {
        match (path, token) {
            ([Type], Token::String(event_type)) => {
                answer.finished |= event_type.is("message-end");
                answer.is_recognized |=
                    event_type.is("message-start") || event_type.is("message-end");
            }
            ([Delta, rest @ ..] | rest, token) => self.read_part(rest, token, answer),
        }
    }

    /// Reads a part of a plain message, or of the `delta` of an event.
    fn read_part(&mut self, path: &[AnswerKey], token: Token<'_>, answer: &mut Answer) {
        match (path, token) {
            ([Usage | Meta, rest @ ..], Token::Number(Some(count))) => {
                self.read_usage(rest, count, answer)
            }
            ([FinishReasonSnake], Token::String(reason))
                if answer.finish(Format::Cohere, reason) =>
            {
                answer.set_has_answer();
            }
            ([Message, Content, Text] | [Message, Content, Item, Text], Token::Text(text)) => {
                answer.add_text(text)
            }
            (
                [Message, Content, Thinking]
                | [Message, Content, Item, Thinking]
                | [Message, ToolPlan],
                Token::String(text),
            ) => answer.add_other_content(text),
            ([Message, ToolCalls] | [Message, ToolCalls, Item], Token::Object) => {
                answer.add_tool_call();
            }
            _ => {}
        }
    }

    fn read_usage(&mut self, path: &[AnswerKey], count: u64, answer: &mut Answer) {
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
