//! OpenAI Responses: a plain response object, or events, of which the last one carries the
//! response object.
//!
//! The last event is `response.completed`, `response.incomplete` or `response.failed`; its
//! usage counts in each case. An `error` event and the `response.failed` after it are one
//! error. OpenRouter has events of its own: `response.content_part.delta` with a piece of the
//! text, and `response.done` at the end. The answer of `/v1/responses/compact` is an object with items
//! and usage, too.
//!
//! A `code` at the top level is content in `response.code_interpreter_call_code.done` (type
//! `ResponseCodeInterpreterCallCodeDoneEvent` of openai 3.51.0), and the code of an error in an
//! `error` event and in a body without a type.

use super::answer::Answer;
use super::answer_key::AnswerKey;
use super::answer_key::AnswerKey::*;
use super::error_object::TopLevelCode;
use super::format::Format;
use super::openai_usage::OpenAiUsage;
use crate::json::{BoundedText, Token};

/// The state of one event, until it is complete, and what is kept of earlier ones.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenAiResponses {
    usage: OpenAiUsage,
    /// Whether the event has a `delta`, `text` or `code` that is not empty.
    has_text: bool,
    /// What the event's `code` states, if it is that of an error.
    code: TopLevelCode,
    /// Whether the type of the event begins with `response.`.
    is_response_event: bool,
    /// Whether the event ends the answer.
    is_terminal: bool,
    /// Whether the event has a response with a status.
    has_status: bool,
    /// Whether the type of the event ends with `.delta` or `.done`.
    is_content: bool,
    /// Whether the event has a text of the answer in pieces.
    is_text_delta: bool,
    /// Whether an earlier event had.
    had_text_deltas: bool,
}

// === impl OpenAiResponses ===

impl OpenAiResponses {
    /// Reads a value of an answer.
    pub fn read_token(&mut self, path: &[AnswerKey], token: Token<'_>, answer: &mut Answer) {
        match (path, token) {
            ([Type], Token::String(event_type)) => self.read_event_type(event_type.bytes(), answer),
            ([Delta], Token::Text(text)) => {
                self.has_text = true;
                answer.openings.push(text);
                if self.is_text_delta {
                    answer.signals.push(text);
                }
            }
            ([Text | Refusal], Token::Text(_)) => self.has_text = true,
            ([Code], token) => self.read_code(token),
            ([PartialImage], Token::String(image)) => answer.add_other_content(image),
            ([], Token::End) => self.end_event(answer),
            ([Response, rest @ ..] | rest, token) => self.read_response(rest, token, answer),
        }
    }

    fn read_event_type(&mut self, event_type: &[u8], answer: &mut Answer) {
        match event_type {
            b"response.completed" | b"response.incomplete" | b"response.done" => {
                self.is_terminal = true;
            }
            b"response.failed" => {
                self.is_terminal = true;
                answer.error = true;
            }
            b"error" => answer.error = true,
            b"response.refusal.delta" | b"response.refusal.done" => answer.refusal = true,
            b"response.output_text.delta" | b"response.content_part.delta" => {
                self.is_text_delta = true;
            }
            _ => {}
        }
        if !self.is_text_delta {
            answer.openings.drop_part();
        }
        answer.finished |= self.is_terminal;
        self.is_response_event = event_type.starts_with(b"response.");
        answer.is_recognized |= event_type == b"error" || self.is_response_event;
        self.is_content |= event_type.ends_with(b".delta") || event_type.ends_with(b".done");
    }

    /// Reads a `code`, which may come before the type of its event.
    fn read_code(&mut self, token: Token<'_>) {
        self.has_text |= matches!(token, Token::String(code) if !code.is_empty());
        self.code = TopLevelCode::new(token);
    }

    fn end_event(&mut self, answer: &mut Answer) {
        answer.has_content |= self.is_content && self.has_text;
        // Without a status, that of an earlier event does not count: it was that of a beginning.
        answer.is_pending &= !self.is_terminal || self.has_status;
        if !self.is_response_event {
            self.code.apply(answer);
        }
        self.usage.normalize(answer.model_name());
        self.usage.apply(answer);
        answer.openings.begin_part();
        *self =
            Self { had_text_deltas: self.had_text_deltas || self.is_text_delta, ..Self::default() };
    }

    /// Reads a part of a response object.
    fn read_response(&mut self, path: &[AnswerKey], token: Token<'_>, answer: &mut Answer) {
        match (path, token) {
            ([Usage, rest @ ..], Token::Number(Some(count))) => self.usage.read_count(rest, count),
            ([IncompleteDetails, Reason], Token::String(reason)) => {
                answer.finish(Format::Responses, reason);
            }
            ([Status], Token::String(status)) => {
                self.has_status = true;
                answer.error |= status.is("failed");
                answer.is_pending =
                    status.is("queued") || status.is("in_progress") || status.is("cancelled");
            }
            ([Error], Token::Object) => answer.error = true,
            ([Object], Token::String(object)) => {
                answer.is_recognized |= object.bytes().starts_with(b"response");
            }
            ([Model], Token::String(name)) => answer.set_model(name),
            ([Output, Item, rest @ ..], token) => self.read_item(rest, token, answer),
            ([OutputItem], Token::Object) => answer.set_has_answer(),
            ([OutputItem, Type], Token::String(item_type)) => {
                answer.has_content |= is_content_item(item_type);
            }
            _ => {}
        }
    }

    /// Reads a part of an item of the output.
    fn read_item(&mut self, path: &[AnswerKey], token: Token<'_>, answer: &mut Answer) {
        match (path, token) {
            ([], Token::Object) => answer.set_has_answer(),
            ([Type], Token::String(item_type)) => answer.has_content |= is_content_item(item_type),
            ([Content, Item], Token::Object) => {
                answer.openings.begin_part();
                if self.had_text_deltas {
                    // The last event repeats the text.
                    answer.openings.drop_part();
                }
            }
            ([Content, Item, Type], Token::String(part_type)) => {
                answer.refusal |= part_type.is("refusal");
                if !part_type.is("output_text") && !part_type.is("text") {
                    answer.openings.drop_part();
                }
            }
            // Its text was read in pieces.
            ([Content, Item, Text], Token::Text(_)) if self.had_text_deltas => {
                answer.has_content = true;
            }
            ([Content, Item, Text], Token::Text(text)) => answer.add_text(text),
            ([Summary, Item, Text] | [Content, Item, Refusal], Token::Text(_)) => {
                answer.has_content = true;
            }
            _ => {}
        }
    }
}

/// Whether an item is content by its type: a tool call or its result. Messages and reasoning have parts that
/// are, and the server lists the tools of MCP before the model begins.
fn is_content_item(item_type: BoundedText<'_>) -> bool {
    !["message", "reasoning", "mcp_list_tools"].iter().any(|it| item_type.is(it))
}
