//! OpenAI Responses: a plain response object, or events of which the terminal one
//! carries it.
//!
//! Usage counts whichever the terminal event is: `response.completed`,
//! `.incomplete` or `.failed`. An `error` event is followed by `response.failed`:
//! one error.

use super::answer::Answer;
use super::json_key::Key;
use super::json_key::Key::*;
use crate::json::scanner::Token;

/// What one event has told, until it is complete.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenAiResponses {
    is_delta: bool,
    has_delta: bool,
}

// === impl Responses ===

impl OpenAiResponses {
    pub fn value(&mut self, path: &[Key], token: Token<'_>, answer: &mut Answer) {
        match (path, token) {
            ([Type], Token::String(kind)) => self.event(kind.bytes(), answer),
            ([Delta], Token::String(text)) => self.has_delta = !text.is_empty(),
            ([], Token::End) => {
                answer.has_content |= self.is_delta && self.has_delta;
                *self = Self::default();
            }
            ([Response, rest @ ..] | rest, token) => object(rest, token, answer),
        }
    }

    fn event(&mut self, kind: &[u8], answer: &mut Answer) {
        match kind {
            b"response.completed" | b"response.incomplete" => answer.finished = true,
            b"response.failed" => {
                answer.finished = true;
                answer.error = true;
            }
            b"error" => answer.error = true,
            b"response.refusal.delta" | b"response.refusal.done" => answer.refusal = true,
            _ => {}
        }
        self.is_delta |= kind.ends_with(b".delta");
    }
}

/// A part of a response object.
fn object(path: &[Key], token: Token<'_>, answer: &mut Answer) {
    let tokens = &mut answer.tokens;
    match (path, token) {
        ([Usage, InputTokens], Token::Number(Some(count))) => tokens.input = Some(count),
        ([Usage, OutputTokens], Token::Number(Some(count))) => tokens.output = Some(count),
        ([Usage, InputTokensDetails, CachedTokens], Token::Number(Some(count))) => {
            tokens.cached = Some(count);
        }
        ([Usage, OutputTokensDetails, ReasoningTokens], Token::Number(Some(count))) => {
            tokens.reasoning = Some(count);
        }
        ([IncompleteDetails, Reason], Token::String(reason)) => {
            answer.truncation |= reason.is("max_output_tokens");
            answer.refusal |= reason.is("content_filter");
        }
        ([Status], Token::String(status)) => {
            answer.error |= status.is("failed");
            answer.is_pending = status.is("queued") || status.is("in_progress");
        }
        ([Error], Token::Object) => answer.error = true,
        ([Output, Item] | [OutputItem], Token::Object) => answer.has_answer = true,
        // What is neither text nor a thought of the model's is a call of a tool, or what
        // came of it.
        ([Output, Item, Summary, Item, Text], Token::String(text)) => answer.content(text),
        ([Output, Item, Type] | [OutputItem, Type], Token::String(kind)) => {
            answer.has_content |= !kind.is("message") && !kind.is("reasoning");
        }
        ([Output, Item, Content, Item, Type], Token::String(kind)) => {
            answer.refusal |= kind.is("refusal");
        }
        ([Output, Item, Content, Item, Text], Token::String(text)) => answer.content(text),
        ([Model], Token::String(name)) => answer.model(name),
        _ => {}
    }
}
