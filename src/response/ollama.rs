//! Ollama's own API, `/api/chat` and `/api/generate`: a line of JSON for each piece of the
//! answer, or one document.
//!
//! The last line has `done` and the usage. A count of 0 is left out; older versions left out
//! the `prompt_eval_count` of a cached prompt. An error after the first line is a line of its
//! own in a response with status 200.

use super::answer::Answer;
use super::answer_key::AnswerKey;
use super::answer_key::AnswerKey::*;
use crate::json::Token;

/// Reads a value of an answer.
pub fn read_token(path: &[AnswerKey], token: Token<'_>, answer: &mut Answer) {
    match (path, token) {
        ([Done], Token::True) => {
            answer.finished = true;
            answer.has_answer = true;
        }
        ([DoneReason], Token::String(reason)) => answer.truncation |= reason.is("length"),
        ([PromptEvalCount], Token::Number(Some(count))) => answer.tokens.input = Some(count),
        ([EvalCount], Token::Number(Some(count))) => answer.tokens.output = Some(count),
        ([Message, Content] | [Response], Token::String(text)) => answer.add_text(text),
        ([Message, Thinking] | [Thinking], Token::String(text)) => answer.add_other_content(text),
        ([Message, ToolCalls, Item], Token::Object) => answer.has_content = true,
        ([Model], Token::String(name)) => answer.set_model(name),
        _ => {}
    }
}
