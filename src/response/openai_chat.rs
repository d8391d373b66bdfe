//! OpenAI Chat Completions and the older Completions, and who speaks like them:
//! vLLM, llama.cpp, OpenRouter, Groq, Mistral.
//!
//! - Usage may come in a chunk of its own, on the last chunk, on every chunk
//!   (cumulative: the last one counts), or as `x_groq.usage`; `null` clears nothing.
//! - llama.cpp sends usage, or `timings` in its place, once for each choice: what
//!   its choices generated is added up.
//! - An error is a top-level `error`, also beside choices, an event of that name, or an
//!   `object` of that name.

use super::answer::Answer;
use super::json_key::Key;
use super::json_key::Key::*;
use crate::json::scanner::Token;

/// What one chunk has told, until it is complete.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenAiChat {
    output: Option<u64>,
    has_timings: bool,
    predicted: Option<u64>,
    prompt: Option<u64>,
    is_last: bool,
    /// Output of the choices that ended before, where each has a count of its own.
    earlier: u64,
    has_usage: bool,
}

// === impl Chat ===

impl OpenAiChat {
    pub fn value(&mut self, path: &[Key], token: Token<'_>, answer: &mut Answer) {
        let tokens = &mut answer.tokens;
        match (path, token) {
            ([Usage, rest @ ..] | [XGroq, Usage, rest @ ..], Token::Number(Some(count))) => {
                match rest {
                    [PromptTokens] => tokens.input = Some(count),
                    [CompletionTokens] => self.output = Some(count),
                    [PromptTokensDetails, CachedTokens] => tokens.cached = Some(count),
                    [CompletionTokensDetails, ReasoningTokens] => tokens.reasoning = Some(count),
                    _ => {}
                }
            }
            ([Choices, Item], Token::Object) => answer.has_answer = true,
            ([Timings], Token::Object) => self.has_timings = true,
            ([Timings, PromptN], Token::Number(count)) => self.prompt = count,
            ([Timings, PredictedN], Token::Number(count)) => self.predicted = count,
            ([Choices, Item, FinishReasonSnake], Token::String(reason)) => {
                self.is_last = true;
                answer.truncation |= reason.is("length");
                answer.refusal |= reason.is("content_filter");
                answer.error |= reason.is("error");
            }
            ([Choices, Item, Text], Token::String(text)) => answer.text(text),
            ([Choices, Item, Delta | Message, rest @ ..], token) => part(rest, token, answer),
            ([Object], Token::String(kind)) => answer.error |= kind.is("error"),
            ([Model], Token::String(name)) => answer.model(name),
            ([], Token::End) => self.end_chunk(answer),
            _ => {}
        }
    }

    fn end_chunk(&mut self, answer: &mut Answer) {
        if let Some(output) = self.output {
            self.has_usage = true;
            answer.tokens.output = Some(output.saturating_add(self.earlier));
            if self.has_timings {
                self.earlier = self.earlier.saturating_add(output);
            }
        } else if let (Some(predicted), true, false) =
            (self.predicted, self.is_last, self.has_usage)
        {
            answer.tokens.output = answer.tokens.output.unwrap_or_default().checked_add(predicted);
            answer.tokens.input = answer.tokens.input.or(self.prompt);
        }
        *self = Self { earlier: self.earlier, has_usage: self.has_usage, ..Self::default() };
    }
}

/// A part of a message or of a delta.
fn part(path: &[Key], token: Token<'_>, answer: &mut Answer) {
    match (path, token) {
        ([Content] | [Content, Item, Text], Token::String(text)) => answer.text(text),
        ([Refusal], Token::String(text)) if !text.is_empty() => {
            answer.refusal = true;
            answer.text(text);
        }
        (
            [Reasoning | ReasoningContent] | [Content, Item, Thinking, Item, Text],
            Token::String(text),
        ) => {
            answer.content(text);
        }
        ([Content, Item, Type], Token::String(kind)) => answer.has_content |= !kind.is("text"),
        ([ToolCalls | Images, Item] | [FunctionCallSnake | Audio], Token::Object) => {
            answer.has_content = true;
        }
        _ => {}
    }
}
