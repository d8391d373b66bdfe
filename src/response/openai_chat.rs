//! OpenAI Chat Completions, the older Completions, and compatible servers: vLLM, llama.cpp,
//! OpenRouter, Groq, Mistral, DeepSeek, Moonshot and others.
//!
//! - Usage is in a chunk of its own, in the last chunk, in every chunk (cumulative: the last
//!   one counts), in `x_groq.usage`, or in the choice (Moonshot). A later `null` clears nothing.
//! - llama.cpp sends usage, or `timings` instead, once for each choice, and so does Moonshot:
//!   the output of the choices is added up.
//! - A stream has ended when all its choices have a finish reason. `[DONE]` follows, except from
//!   some servers.
//! - A document with a `request_id`, and no other member that is known here, acknowledges a request whose
//!   answer is fetched later (xAI's `deferred`).
//! - Some servers repeat the text: MiniMax in a whole `message` at the end, Perplexity in a `message`
//!   beside each `delta`, which has the text so far. Once a delta had text, that of messages does not count.

use super::answer::Answer;
use super::answer_key::AnswerKey;
use super::answer_key::AnswerKey::*;
use super::event_template::EventPart;
use super::format::Format;
use super::llama_api::LlamaApi;
use super::openai_usage::OpenAiUsage;
use crate::json::Token;

/// The counts of one chunk, until it is complete, and what is kept of earlier ones.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenAiChat {
    usage: OpenAiUsage,
    has_timings: bool,
    /// Whether the usage is that of one choice.
    is_of_choice: bool,
    /// `timings.predicted_n`.
    predicted: Option<u64>,
    /// `timings.prompt_n`.
    prompt: Option<u64>,
    /// `timings.cache_n`.
    cached_prompt: Option<u64>,
    has_finish_reason: bool,
    /// How many choices this chunk has.
    choices_of_chunk: u32,
    /// How many choices the answer has.
    choices: u64,
    /// How many finish reasons it has.
    finish_reasons: u64,
    /// The output of earlier choices, where each choice has a count of its own.
    earlier_output: u64,
    /// Whether this chunk or an earlier one has `usage`.
    has_usage: bool,
    /// Whether this chunk has a count.
    has_counts: bool,
    /// Whether a choice has had a delta, as only those of streams have.
    has_delta: bool,
    /// Whether a delta has had text.
    had_text_deltas: bool,
    /// Whether this chunk has a message whose text counts.
    has_message_text: bool,
    /// Whether this chunk has another member with a text or a number, such as the `message` of an error.
    has_other: bool,
    llama_api: LlamaApi,
}

// === impl OpenAiChat ===

impl OpenAiChat {
    /// Whether all choices of a stream have ended.
    pub fn is_finished(&self) -> bool {
        self.finish_reasons > 0 && self.finish_reasons >= self.choices
    }

    /// Whether a choice has stated why it ended.
    pub fn has_finish_reason(&self) -> bool {
        self.finish_reasons > 0
    }

    /// Whether it is a stream by its choices, whatever its framing.
    pub fn has_delta(&self) -> bool {
        self.has_delta
    }

    /// What a value at this path is.
    pub fn part_at(path: &[AnswerKey], answer: &Answer) -> EventPart {
        match path {
            [] | [Choices, Item, Delta] => EventPart::Settled,
            // It may be `error` after chunks with the same members.
            [Object] => EventPart::Fixed,
            // Nothing takes back what it has stated.
            [Model] if answer.model.is_some() => EventPart::Settled,
            // The number of choices is known from the event that was scanned.
            [Choices, Item] if answer.has_answer && !answer.openings.is_kept() => {
                EventPart::Settled
            }
            [Choices, Item] => EventPart::Choice,
            [Choices, Item, Index] => EventPart::ChoiceIndex,
            [Choices, Item, Text] | [Choices, Item, Delta, Content] => EventPart::Text,
            _ => EventPart::Other,
        }
    }

    /// A choice begins.
    #[inline]
    pub fn begin_choice(&mut self, answer: &mut Answer) {
        answer.set_has_answer();
        answer.openings.begin_choice(self.choices_of_chunk as usize);
        self.choices_of_chunk = self.choices_of_chunk.saturating_add(1);
        self.choices = self.choices.max(self.choices_of_chunk.into());
    }

    /// The current choice has this index.
    #[inline]
    pub fn place_choice(&mut self, index: u64, answer: &mut Answer) {
        answer.openings.place_choice(usize::try_from(index).unwrap_or(usize::MAX));
        self.choices = self.choices.max(index.saturating_add(1));
    }

    /// Reads a value of an answer.
    // Inlined, because a call for each value costs 2 % of a stream.
    #[inline(always)]
    pub fn read_token(&mut self, path: &[AnswerKey], token: Token<'_>, answer: &mut Answer) {
        match (path, token) {
            ([Choices, Item, rest @ ..], token) => self.read_choice(rest, token, answer),
            ([Usage, rest @ ..] | [XGroq, Usage, rest @ ..], Token::Number(Some(count))) => {
                self.has_counts = true;
                self.usage.read_count(rest, count);
            }
            ([Timings], Token::Object) => {
                self.has_counts = true;
                self.has_timings = true;
            }
            ([Timings, PromptN], Token::Number(count)) => self.prompt = count,
            ([Timings, CacheN], Token::Number(count)) => self.cached_prompt = count,
            ([Timings, PredictedN], Token::Number(count)) => self.predicted = count,
            ([Object], Token::String(object_type)) => {
                let name = object_type.bytes();
                let is_error = name == b"error";
                answer.error |= is_error;
                answer.is_recognized |= is_error
                    || name.starts_with(b"chat.completion")
                    || name.starts_with(b"text_completion");
            }
            ([Model], Token::String(name)) => answer.set_model(name),
            ([CompletionMessage | Event | Metrics, ..], token) => {
                let is_end = self.llama_api.read_token(path, token, answer);
                self.finish_reasons = self.finish_reasons.saturating_add(is_end.into());
            }
            ([RequestId], Token::String(_)) => answer.is_pending = true,
            ([], Token::End) => self.end_chunk(answer),
            ([_], Token::String(_) | Token::Text(_) | Token::Number(_)) => self.has_other = true,
            _ => {}
        }
    }

    fn read_choice(&mut self, path: &[AnswerKey], token: Token<'_>, answer: &mut Answer) {
        match (path, token) {
            ([], Token::Object) => self.begin_choice(answer),
            ([Index], Token::Number(Some(index))) => self.place_choice(index, answer),
            ([FinishReasonSnake], Token::String(reason)) => {
                let is_reason = answer.finish(Format::Chat, reason);
                self.has_finish_reason |= is_reason;
                self.finish_reasons = self.finish_reasons.saturating_add(is_reason.into());
            }
            (
                [NativeFinishReason] | [ProviderFields, NativeFinishReason],
                Token::String(reason),
            ) => answer.finish_of_provider(Format::Chat, reason),
            ([Usage, rest @ ..], Token::Number(Some(count))) => {
                self.has_counts = true;
                self.is_of_choice = true;
                self.usage.read_count(rest, count);
            }
            ([Text], Token::Text(text)) => self.add_piece(text, answer),
            ([Delta], Token::Object) => self.has_delta = true,
            ([member @ (Delta | Message), rest @ ..], token) => {
                let is_text = matches!(
                    (rest, token),
                    ([Content | Refusal] | [Content, Item, Text], Token::Text(_))
                );
                let is_repeated = is_text && self.is_repeated(*member);
                read_part(rest, token, is_repeated, answer);
            }
            _ => {}
        }
    }

    /// Adds a piece of a streamed text.
    #[inline]
    pub fn add_piece(&mut self, text: &[u8], answer: &mut Answer) {
        if !self.is_repeated(Delta) {
            answer.add_text(text);
        }
    }

    /// Whether the text that `member` has repeats what the other of `delta` and `message` had.
    #[inline]
    fn is_repeated(&mut self, member: AnswerKey) -> bool {
        if member == Message {
            self.has_message_text |= !self.had_text_deltas;
            self.had_text_deltas
        } else {
            self.had_text_deltas = true;
            self.has_message_text
        }
    }

    /// The chunk has ended.
    #[inline]
    pub fn end_chunk(&mut self, answer: &mut Answer) {
        answer.openings.end_choice();
        self.choices_of_chunk = 0;
        // Gateways add a request ID to answers and errors, too.
        let is_other =
            self.has_other || answer.is_recognized || answer.error || answer.model.is_some();
        answer.is_pending &= !is_other;
        self.has_other = false;
        if self.has_counts {
            self.end_counts(answer);
        }
        self.has_finish_reason = false;
        self.has_message_text = false;
    }

    fn end_counts(&mut self, answer: &mut Answer) {
        self.usage.normalize(answer.model_name());
        self.usage.apply(answer);
        if let Some(output) = self.usage.output() {
            self.has_usage = true;
            if !self.has_timings && !self.is_of_choice {
                self.earlier_output = 0;
            }
            answer.tokens.output = Some(output.saturating_add(self.earlier_output));
            if self.has_timings || self.is_of_choice {
                self.earlier_output = self.earlier_output.saturating_add(output);
            }
        } else if let (Some(predicted), true, false) =
            (self.predicted, self.has_finish_reason, self.has_usage)
        {
            let tokens = &mut answer.tokens;
            tokens.output = tokens.output.unwrap_or_default().checked_add(predicted);
            let prompt = self
                .prompt
                .map(|prompt| prompt.saturating_add(self.cached_prompt.unwrap_or_default()));
            tokens.input = tokens.input.or(prompt);
            tokens.cached = tokens.cached.or(self.cached_prompt);
        }
        *self = Self {
            choices: self.choices,
            finish_reasons: self.finish_reasons,
            earlier_output: self.earlier_output,
            has_usage: self.has_usage,
            has_delta: self.has_delta,
            had_text_deltas: self.had_text_deltas,
            ..Self::default()
        };
    }
}

/// Reads a part of a message or of a delta. A text that is repeated is not added again.
fn read_part(path: &[AnswerKey], token: Token<'_>, is_repeated: bool, answer: &mut Answer) {
    match (path, token) {
        ([Refusal], Token::Text(_)) if is_repeated => answer.refusal = true,
        (_, Token::Text(_)) if is_repeated => {}
        ([Content] | [Content, Item, Text], Token::Text(text)) => answer.add_text(text),
        ([Content, Item], Token::Object) => answer.openings.begin_part(),
        ([Refusal], Token::Text(text)) => {
            answer.refusal = true;
            answer.add_text(text);
        }
        (
            [Reasoning | ReasoningContent | ReasoningText | Thinking]
            | [ReasoningDetails, Item, Summary | Data]
            | [ThinkingBlocks, Item, Thinking | Data]
            | [Audio, Data | Transcript],
            Token::String(text),
        ) => answer.add_other_content(text),
        (
            [Content, Item, Thinking, Item, Text]
            | [Content, Item, Reasoning | Summary, Item, Text]
            | [Reasoning | ReasoningContent, Content | Text]
            | [ReasoningDetails, Item, Text],
            Token::Text(_),
        ) => answer.has_content = true,
        ([Content, Item, Type], Token::String(part_type))
            if !part_type.is("text") && !part_type.is("output_text") =>
        {
            answer.openings.drop_part();
            answer.has_content = true;
        }
        ([ToolCalls, Item] | [FunctionCallSnake], Token::Object) => answer.add_tool_call(),
        ([Images | ExecutedTools, Item] | [Image | Video], Token::Object) => {
            answer.has_content = true;
        }
        _ => {}
    }
}
