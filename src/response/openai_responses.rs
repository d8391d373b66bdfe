//! OpenAI Responses: a plain response object, or events, of which the last one carries the
//! response object.
//!
//! The last event is `response.completed`, `response.incomplete` or `response.failed`; its
//! usage counts in each case. An `error` event and the `response.failed` after it are one
//! error.

use super::answer::Answer;
use super::answer_key::AnswerKey;
use super::answer_key::AnswerKey::*;
use crate::json::Token;

/// The state of one event, until it is complete.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenAiResponses {
    /// Whether the type of the event ends with `.delta`.
    is_delta: bool,
    /// Whether the event has a `delta` that is not empty.
    has_delta: bool,
}

// === impl OpenAiResponses ===

impl OpenAiResponses {
    /// Reads a value of an answer.
    pub fn read_token(&mut self, path: &[AnswerKey], token: Token<'_>, answer: &mut Answer) {
        match (path, token) {
            ([Type], Token::String(event_type)) => self.read_event_type(event_type.bytes(), answer),
            ([Delta], Token::String(text)) => self.has_delta = !text.is_empty(),
            ([], Token::End) => {
                answer.has_content |= self.is_delta && self.has_delta;
                *self = Self::default();
            }
            ([Response, rest @ ..] | rest, token) => read_response(rest, token, answer),
        }
    }

    fn read_event_type(&mut self, event_type: &[u8], answer: &mut Answer) {
        match event_type {
            b"response.completed" | b"response.incomplete" => answer.finished = true,
            b"response.failed" => {
                answer.finished = true;
                answer.error = true;
            }
            b"error" => answer.error = true,
            b"response.refusal.delta" | b"response.refusal.done" => answer.refusal = true,
            _ => {}
        }
        self.is_delta |= event_type.ends_with(b".delta");
    }
}

/// Reads a part of a response object.
fn read_response(path: &[AnswerKey], token: Token<'_>, answer: &mut Answer) {
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
        // An item that is neither a message nor reasoning is a tool call or its result.
        ([Output, Item, Summary, Item, Text], Token::String(text)) => {
            answer.add_other_content(text)
        }
        ([Output, Item, Type] | [OutputItem, Type], Token::String(item_type)) => {
            answer.has_content |= !item_type.is("message") && !item_type.is("reasoning");
        }
        ([Output, Item, Content, Item, Type], Token::String(part_type)) => {
            answer.refusal |= part_type.is("refusal");
        }
        ([Output, Item, Content, Item, Text], Token::String(text)) => {
            answer.add_other_content(text)
        }
        ([Model], Token::String(name)) => answer.set_model(name),
        _ => {}
    }
}
