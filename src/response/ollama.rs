//! Ollama's own API, `/api/chat` and `/api/generate`: a line of JSON for each piece of
//! the answer, or one document.
//!
//! The last line says so, and holds the usage: a count that is 0 is left out, as
//! `prompt_eval_count` once was of a prompt that was cached. An error after the first
//! line is a line of its own in a response of status 200.

use super::answer::Answer;
use super::json_key::Key;
use super::json_key::Key::*;
use crate::json::scanner::Token;

pub fn value(path: &[Key], token: Token<'_>, answer: &mut Answer) {
    match (path, token) {
        ([Done], Token::True) => {
            answer.finished = true;
            answer.has_answer = true;
        }
        ([DoneReason], Token::String(reason)) => answer.truncation |= reason.is("length"),
        ([PromptEvalCount], Token::Number(Some(count))) => answer.tokens.input = Some(count),
        ([EvalCount], Token::Number(Some(count))) => answer.tokens.output = Some(count),
        ([Message, Content] | [Response], Token::String(text)) => answer.text(text),
        ([Message, Thinking] | [Thinking], Token::String(text)) => answer.content(text),
        ([Message, ToolCalls, Item], Token::Object) => answer.has_content = true,
        ([Model], Token::String(name)) => answer.model(name),
        _ => {}
    }
}
