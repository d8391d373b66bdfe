//! Amazon Bedrock. Converse is a plain document, or messages of an event stream from
//! `messageStart` and `messageStop` to `metadata`, which has the usage. InvokeModel is the
//! answer of the model's own API, plain or in the messages of an event stream.
//!
//! `inputTokens` leaves out the tokens that were read from or written to the cache; they are
//! added here. An exception is a message with a type of its own, which the framing reports.
//! Answers of Converse do not name their model; the request's path does.
//!
//! Of InvokeModel these are read: Nova (as Converse), Titan, Llama, Mistral, Cohere, Pegasus, and the models
//! with the APIs of Anthropic and OpenAI, which the first keys of an answer reveal. Bedrock adds
//! `amazon-bedrock-invocationMetrics` to the last message of a stream. Source: "Inference request
//! parameters and response fields for foundation models" in Bedrock's user guide.

use super::answer::Answer;
use super::answer_key::AnswerKey;
use super::answer_key::AnswerKey::*;
use super::anthropic::{Anthropic, read_guardrail};
use super::format::Format;
use super::openai_chat::OpenAiChat;
use crate::json::Token;

/// The state of reading a document or stream.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bedrock {
    /// `inputTokens`.
    uncached_input: Option<u64>,
    model_api: ModelApi,
}

/// The API of the model behind InvokeModel.
#[derive(Clone, Copy, Debug)]
enum ModelApi {
    /// Converse, or an API that is read here.
    Bedrock {
        /// Whether there is a text `message`: Pegasus's answer, if there is a finish reason, too.
        /// Exceptions have one as well.
        has_message: bool,
    },
    Anthropic(Anthropic),
    OpenAiChat(OpenAiChat),
}

// === impl ModelApi ===

impl Default for ModelApi {
    fn default() -> Self {
        Self::Bedrock { has_message: false }
    }
}

// === impl Bedrock ===

impl Bedrock {
    /// Reads a value of an answer.
    #[inline(never)]
    pub fn read_token(&mut self, path: &[AnswerKey], token: Token<'_>, answer: &mut Answer) {
        if let ModelApi::Bedrock { .. } = self.model_api {
            match (path, token) {
                ([Type], Token::String(_)) => {
                    self.model_api = ModelApi::Anthropic(Anthropic::default())
                }
                ([Choices, Item], Token::Object) => {
                    self.model_api = ModelApi::OpenAiChat(OpenAiChat::default());
                }
                _ => {}
            }
        }
        if let [AmazonMetrics, field] = path {
            return self.read_metric(*field, token, answer);
        }
        match &mut self.model_api {
            ModelApi::Bedrock { .. } => {
                read_guardrail(path, token, answer);
                self.read_bedrock(path, token, answer);
            }
            ModelApi::Anthropic(anthropic) => anthropic.read_token(path, token, answer),
            ModelApi::OpenAiChat(chat) => {
                read_guardrail(path, token, answer);
                // Mistral and DeepSeek state it under Bedrock's name.
                if let ([Choices, Item, StopReason], Token::String(reason)) = (path, token) {
                    answer.finished |= answer.finish(Format::Bedrock, reason);
                }
                chat.read_token(path, token, answer);
                answer.finished |= chat.is_finished();
            }
        }
    }

    fn read_bedrock(&mut self, path: &[AnswerKey], token: Token<'_>, answer: &mut Answer) {
        match (path, token) {
            ([Usage, field] | [Metadata, Usage, field], Token::Number(Some(count))) => {
                self.read_usage(*field, count, answer);
            }
            (
                [StopReasonCamel]
                | [MessageStop, StopReasonCamel]
                | [StopReason]
                | [CompletionReason]
                | [Results, Item, CompletionReason]
                | [Outputs, Item, StopReason]
                | [FinishReasonSnake]
                | [Generations, Item, FinishReasonSnake]
                | [FinishReason],
                Token::String(reason),
            ) if answer.finish(Format::Bedrock, reason) => {
                answer.finished = true;
                answer.set_has_answer();
            }
            (
                [Delta | Start, rest @ ..]
                | [ContentBlockDelta, Delta, rest @ ..]
                | [ContentBlockStart, Start, rest @ ..]
                | [Output, Message, Content, Item, rest @ ..],
                token,
            ) => read_part(rest, token, answer),
            ([Model], Token::String(name)) => answer.set_model(name),
            ([Message], Token::String(text)) if !text.is_empty() => {
                self.model_api = ModelApi::Bedrock { has_message: true };
            }
            ([], Token::End) => {
                let has_message = matches!(self.model_api, ModelApi::Bedrock { has_message: true });
                answer.has_content |= has_message && answer.has_answer;
            }
            // Titan, Llama, Mistral and Cohere.
            (
                [OutputText | Generation | Text]
                | [Results, Item, OutputText]
                | [Outputs | Generations, Item, Text],
                Token::Text(text),
            ) => answer.add_text(text),
            ([InputTextTokenCount | PromptTokenCountSnake], Token::Number(count)) => {
                answer.tokens.input = count.or(answer.tokens.input);
            }
            (
                [TotalOutputTextTokenCount | GenerationTokenCount] | [Results, Item, TokenCount],
                Token::Number(count),
            ) => answer.tokens.output = count.or(answer.tokens.output),
            _ => {}
        }
    }

    fn read_usage(&mut self, field: AnswerKey, count: u64, answer: &mut Answer) {
        let tokens = &mut answer.tokens;
        match field {
            InputTokensCamel => self.uncached_input = Some(count),
            CacheReadInputTokensCamel | CacheReadInputTokenCount => tokens.cached = Some(count),
            CacheWriteInputTokens | CacheWriteInputTokenCount => tokens.cache_write = Some(count),
            OutputTokensCamel => tokens.output = Some(count),
            _ => return,
        }
        tokens.set_input_without_cache(self.uncached_input);
    }

    /// Reads the counts that Bedrock adds to a stream. They count where the model's own answer
    /// states none.
    fn read_metric(&mut self, field: AnswerKey, token: Token<'_>, answer: &mut Answer) {
        let Token::Number(Some(count)) = token else { return };
        let tokens = &mut answer.tokens;
        let target = match field {
            InputTokenCount => &mut tokens.input,
            OutputTokenCount => &mut tokens.output,
            CacheReadInputTokenCount => &mut tokens.cached,
            CacheWriteInputTokenCount => &mut tokens.cache_write,
            _ => return,
        };
        target.get_or_insert(count);
    }
}

/// Reads a part of a message or of a delta.
fn read_part(path: &[AnswerKey], token: Token<'_>, answer: &mut Answer) {
    match (path, token) {
        ([ToolUse], Token::Object) => answer.add_tool_call(),
        ([Text] | [CitationsContent, Content, Item, Text], Token::Text(text)) => {
            answer.add_text(text);
        }
        (
            [
                ReasoningContentCamel
                | ToolResult
                | Image
                | Audio
                | Video
                | Document
                | SearchResult
                | GuardContent,
            ],
            Token::Object,
        ) => answer.has_content = true,
        _ => {}
    }
}
