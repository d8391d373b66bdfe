//! Meta's Llama API at `/v1/chat/completions`: a `completion_message`, or events with a `delta`. It is
//! read beside OpenAI's Chat, which has none of these members.
//!
//! The event `complete` ends a stream, and an event `metrics` may follow it. Token counts are a list of
//! names and values. Source: the types `CreateChatCompletionResponse` and
//! `CreateChatCompletionResponseStreamChunk` of llama-api-client 0.6.0 for Python.

use super::answer::Answer;
use super::answer_key::AnswerKey;
use super::answer_key::AnswerKey::*;
use super::format::Format;
use crate::json::Token;

/// The count whose name was read, and whose value follows.
#[derive(Clone, Copy, Debug, Default)]
pub struct LlamaApi {
    metric: Option<Metric>,
}

#[derive(Clone, Copy, Debug)]
enum Metric {
    Input,
    Output,
}

// === impl LlamaApi ===

impl LlamaApi {
    /// Reads a value of a document or an event. Returns whether the answer has ended with it.
    #[inline(never)]
    pub fn read_token(
        &mut self,
        path: &[AnswerKey],
        token: Token<'_>,
        answer: &mut Answer,
    ) -> bool {
        match (path, token) {
            ([Event, EventType], Token::String(name)) => {
                answer.set_has_answer();
                return name.is("complete");
            }
            ([Event, Delta, rest @ ..], token) => read_delta(rest, token, answer),
            ([CompletionMessage], Token::Object) => answer.set_has_answer(),
            ([CompletionMessage | Event, StopReason], Token::String(reason)) => {
                return answer.finish(Format::Chat, reason);
            }
            (
                [CompletionMessage, Content] | [CompletionMessage, Content, Text],
                Token::Text(text),
            ) => {
                answer.add_text(text);
            }
            ([CompletionMessage, ToolCalls, Item], Token::Object) => answer.add_tool_call(),
            ([Event, Metrics, Item, field] | [Metrics, Item, field], token) => {
                self.read_metric(*field, token, answer);
            }
            _ => {}
        }
        false
    }

    fn read_metric(&mut self, field: AnswerKey, token: Token<'_>, answer: &mut Answer) {
        match (field, token) {
            (MetricName, Token::String(name)) => {
                self.metric = match name.bytes() {
                    b"num_prompt_tokens" => Some(Metric::Input),
                    b"num_completion_tokens" => Some(Metric::Output),
                    _ => None,
                };
            }
            (MetricValue, Token::Number(Some(count))) => match self.metric.take() {
                Some(Metric::Input) => answer.tokens.input = Some(count),
                Some(Metric::Output) => answer.tokens.output = Some(count),
                None => {}
            },
            _ => {}
        }
    }
}

/// Reads a part of a delta. The last one has an empty text.
fn read_delta(path: &[AnswerKey], token: Token<'_>, answer: &mut Answer) {
    match (path, token) {
        ([Text], Token::Text(text)) => answer.add_text(text),
        ([Type], Token::String(part_type)) if part_type.is("tool_call") => answer.add_tool_call(),
        _ => {}
    }
}
