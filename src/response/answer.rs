//! What an answer has stated so far, whatever its format.

use super::captured_text::CapturedText;
use super::finish_reason::FinishReason;
use super::format::Format;
use super::opening::Openings;
use super::refusal_phrases::Phrases;
use super::text_signals::TextSignals;
use super::tokens::Tokens;
use crate::json::{BoundedText, Prefix};

/// What an answer has stated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Its token counts; none if one of them is not plausible.
    pub tokens: Tokens,
    /// Whether it states a token count that is not plausible ([`Tokens::MAX_PLAUSIBLE`]).
    pub has_implausible_tokens: bool,
    /// Whether it states an error.
    pub error: bool,
    /// Whether it states a refusal: the model refused, or the provider's filter stopped it.
    pub refusal: bool,
    /// Whether it ended at a token limit.
    pub truncation: bool,
    /// Whether the provider stopped it because it repeated itself.
    pub repetition: bool,
    /// Whether it states that it ended with a tool call.
    pub tool_stop: bool,
    /// Whether it has a tool call.
    pub has_tool_call: bool,
    /// What its text shows.
    pub signals: TextSignals,
    /// Whether it states why it ended by a reason that is not known, or ended without one.
    pub finish_unknown: bool,
    /// Whether its error is that of a content filter, and so a refusal.
    pub is_filtered: bool,
    /// Whether a text `message` beside the answer is that of a content filter, if it is the message of an error.
    pub has_filter_message: bool,
    /// Whether its end was seen, so that nothing is missing.
    pub finished: bool,
    /// Whether it has a part that only an answer has: a choice, a candidate, a message.
    pub has_answer: bool,
    /// Whether the body has a mark of its format.
    pub is_recognized: bool,
    /// Whether it is a list of stored objects instead of an answer.
    pub is_list: bool,
    /// Whether it only states that an answer is being made.
    pub is_pending: bool,
    /// Whether it has generated content.
    pub has_content: bool,
    /// Whether a part of it could not be read.
    pub malformed: bool,
    /// How many complete JSON documents it has.
    pub documents: u32,
    /// The model that it names.
    pub model: Option<ModelName>,
    /// How its texts open; kept only where refusal phrases are configured.
    pub openings: Openings,
}

/// The first bytes of a model's name.
pub type ModelName = Prefix<{ BoundedText::MAX_BYTES }>;

// === impl Answer ===

impl Answer {
    /// Whether nothing in it is an answer: the body was JSON of another kind.
    pub fn is_missing(&self) -> bool {
        !(self.has_answer || self.has_content || self.refusal || self.truncation)
    }

    /// Whether it is a whole document that states neither an answer, nor an error, nor that an answer is being
    /// made, such as that a stored answer is deleted.
    pub fn is_other_document(&self) -> bool {
        self.is_missing() && self.finished && !(self.error || self.is_pending || self.malformed)
    }

    /// Whether it is an answer without content: no text, no tool call, no reasoning, though
    /// the model neither refused nor reached a token limit.
    pub fn is_empty(&self) -> bool {
        self.has_answer && !(self.has_content || self.refusal || self.truncation || self.error)
    }

    /// Whether the model refused: the answer states it, or opens with one of `phrases`.
    pub fn is_refusal(&self, phrases: &Phrases) -> bool {
        self.refusal || phrases.match_any(&self.openings)
    }

    /// The name of the model; empty where the answer names none.
    pub fn model_name(&self) -> &[u8] {
        self.model.as_ref().map(ModelName::bytes).unwrap_or_default()
    }

    /// Takes the text of its first choice; `None` unless the request is sampled.
    pub fn take_text(&mut self) -> Option<CapturedText> {
        self.openings.take_captured()
    }

    /// Adds a piece of the answer's text.
    pub fn add_text(&mut self, text: &[u8]) {
        self.has_content = true;
        self.openings.push(text);
        self.signals.push(text);
    }

    /// Adds a tool call.
    pub fn add_tool_call(&mut self) {
        self.has_content = true;
        self.has_tool_call = true;
    }

    /// Counts a JSON document that is complete.
    pub(super) fn end_document(&mut self) {
        self.documents = self.documents.saturating_add(1);
    }

    /// Whether it repeats itself in a loop, by its text or by its finish reason.
    pub fn is_repetitive(&self) -> bool {
        self.repetition || self.signals.has_loop()
    }

    /// Whether its text has a tool call that the server has not parsed.
    pub fn has_leaked_tool_call(&self) -> bool {
        self.signals.has_tool_syntax()
    }

    /// Whether it states that it ended with a tool call, and has none.
    pub fn is_without_tool_call(&self) -> bool {
        self.tool_stop && !self.has_tool_call
    }

    /// Adds generated content that is not the answer's text: reasoning, or a tool call.
    pub fn add_other_content(&mut self, text: BoundedText<'_>) {
        self.has_content |= !text.is_empty();
    }

    /// Sets the model's name, unless an earlier part of the answer has.
    pub fn set_model(&mut self, name: BoundedText<'_>) {
        if self.model.is_none() && !name.is_empty() {
            self.model = Some(ModelName::new(name.bytes()));
        }
    }

    /// Sets the name of the model that answers in place of the one that was named before.
    pub fn replace_model(&mut self, name: BoundedText<'_>) {
        if !name.is_empty() {
            self.model = Some(ModelName::new(name.bytes()));
        }
    }

    /// Marks the body as one of its format, with an answer.
    pub fn set_has_answer(&mut self) {
        self.has_answer = true;
        self.is_recognized = true;
    }

    /// Takes the reason why the answer ended. Returns whether it is one.
    pub fn finish(&mut self, format: Format, reason: BoundedText<'_>) -> bool {
        let Some(reason) = FinishReason::new(format, reason) else { return false };
        match reason {
            FinishReason::Complete => {}
            FinishReason::ToolCall => self.tool_stop = true,
            FinishReason::Truncated => self.truncation = true,
            FinishReason::Refused => self.refusal = true,
            FinishReason::Failed => self.error = true,
            FinishReason::Repetition => self.repetition = true,
            FinishReason::Unknown => self.finish_unknown = true,
        }
        true
    }

    /// Takes the reason of a provider behind a gateway, which states a reason of its own
    /// beside it. A reason that is not known says nothing.
    pub fn finish_of_provider(&mut self, format: Format, reason: BoundedText<'_>) {
        let was_unknown = self.finish_unknown;
        self.finish(format, reason);
        self.finish_unknown = was_unknown;
    }

    /// Ends the answer: the error of a content filter is a refusal and an end, and token counts
    /// of which one is not plausible are dropped.
    pub(super) fn conclude(&mut self) {
        if !self.tokens.are_plausible() {
            self.tokens = Tokens::default();
            self.has_implausible_tokens = true;
        }
        if self.is_filtered {
            self.error = false;
            self.refusal = true;
            self.finished = true;
        }
    }
}
