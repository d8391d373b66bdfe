//! OpenAI Chat Completions, the older Completions, and compatible servers: vLLM, llama.cpp,
//! OpenRouter, Groq, Mistral.
//!
//! - Usage is in a chunk of its own, in the last chunk, in every chunk (cumulative: the last
//!   one counts), or in `x_groq.usage`. A later `null` clears nothing.
//! - llama.cpp sends usage, or `timings` instead, once for each choice: the output of its
//!   choices is added up.
//! - An error is a top-level `error`, which choices may accompany, an event with the name
//!   `error`, or `"object": "error"`.

use super::answer::Answer;
use super::answer_key::AnswerKey;
use super::answer_key::AnswerKey::*;
use crate::json::Token;

/// The counts of one chunk, until it is complete.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenAiChat {
    /// `usage.completion_tokens`.
    output: Option<u64>,
    has_timings: bool,
    /// `timings.predicted_n`.
    predicted: Option<u64>,
    /// `timings.prompt_n`.
    prompt: Option<u64>,
    has_finish_reason: bool,
    /// The output of earlier choices, where each choice has a count of its own.
    earlier_output: u64,
    /// Whether this chunk or an earlier one has `usage`.
    has_usage: bool,
}

// === impl OpenAiChat ===

impl OpenAiChat {
    /// Reads a value of an answer.
    pub fn read_token(&mut self, path: &[AnswerKey], token: Token<'_>, answer: &mut Answer) {
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
                self.has_finish_reason = true;
                answer.truncation |= reason.is("length");
                answer.refusal |= reason.is("content_filter");
                answer.error |= reason.is("error");
            }
            ([Choices, Item, Text], Token::String(text)) => answer.add_text(text),
            ([Choices, Item, Delta | Message, rest @ ..], token) => read_part(rest, token, answer),
            ([Object], Token::String(object_type)) => answer.error |= object_type.is("error"),
            ([Model], Token::String(name)) => answer.set_model(name),
            ([], Token::End) => self.end_chunk(answer),
            _ => {}
        }
    }

    fn end_chunk(&mut self, answer: &mut Answer) {
        if let Some(output) = self.output {
            self.has_usage = true;
            answer.tokens.output = Some(output.saturating_add(self.earlier_output));
            if self.has_timings {
                self.earlier_output = self.earlier_output.saturating_add(output);
            }
        } else if let (Some(predicted), true, false) =
            (self.predicted, self.has_finish_reason, self.has_usage)
        {
            answer.tokens.output = answer.tokens.output.unwrap_or_default().checked_add(predicted);
            answer.tokens.input = answer.tokens.input.or(self.prompt);
        }
        *self = Self {
            earlier_output: self.earlier_output,
            has_usage: self.has_usage,
            ..Self::default()
        };
    }
}

/// Reads a part of a message or of a delta.
fn read_part(path: &[AnswerKey], token: Token<'_>, answer: &mut Answer) {
    match (path, token) {
        ([Content] | [Content, Item, Text], Token::String(text)) => answer.add_text(text),
        ([Refusal], Token::String(text)) if !text.is_empty() => {
            answer.refusal = true;
            answer.add_text(text);
        }
        (
            [Reasoning | ReasoningContent] | [Content, Item, Thinking, Item, Text],
            Token::String(text),
        ) => {
            answer.add_other_content(text);
        }
        ([Content, Item, Type], Token::String(part_type)) => {
            answer.has_content |= !part_type.is("text");
        }
        ([ToolCalls | Images, Item] | [FunctionCallSnake | Audio], Token::Object) => {
            answer.has_content = true;
        }
        _ => {}
    }
}
