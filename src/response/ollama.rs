//! Ollama's own API, `/api/chat` and `/api/generate`: a line of JSON for each piece of the
//! answer, or one document.
//!
//! Each line has `done`, the last one as `true` and with the usage. A last line may
//! have only the `done_reason`. A count of 0 is left out; older versions left out the
//! `prompt_eval_count` of a cached prompt. An error after the first line is a line of its own in a
//! response with status 200. A request without a prompt loads or unloads a model, and its answer is
//! none of the model.

use super::answer::Answer;
use super::answer_key::AnswerKey;
use super::answer_key::AnswerKey::*;
use super::format::Format;
use crate::json::Token;

/// Reads a value of an answer.
pub fn read_token(path: &[AnswerKey], token: Token<'_>, answer: &mut Answer) {
    match (path, token) {
        ([Done], Token::True) => {
            answer.finished = true;
            answer.set_has_answer();
        }
        ([Done], Token::False) => answer.is_recognized = true,
        ([DoneReason], Token::String(reason)) => {
            answer.is_pending |= reason.is("load") || reason.is("unload");
            if answer.finish(Format::Ollama, reason) {
                answer.finished = true;
                answer.set_has_answer();
            }
        }
        ([PromptEvalCount], Token::Number(Some(count))) => answer.tokens.input = Some(count),
        ([EvalCount], Token::Number(Some(count))) => answer.tokens.output = Some(count),
        ([Message, Content] | [Response], Token::Text(text)) => answer.add_text(text),
        ([Message, Thinking] | [Thinking | Image], Token::String(text)) => {
            answer.add_other_content(text);
        }
        ([Message, ToolCalls, Item], Token::Object) => answer.has_content = true,
        ([Message, Images, Item], Token::String(image)) => answer.add_other_content(image),
        ([Model], Token::String(name)) => answer.set_model(name),
        _ => {}
    }
}
