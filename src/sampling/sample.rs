//! A sampled request with its answer.

use super::conversation_text::{Message, read_messages};
use crate::assignment::{Exposure, Version};
use crate::response::{CapturedText, Outcome, StreamEnd};

/// A sampled request with its answer.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The body as the client has sent it, before its version's patch.
    pub prompt: CapturedText,
    /// The version that answered.
    pub version: Version,
    /// Whether the answer is green's to a copy of a request, in a shadow step.
    pub is_shadow: bool,
    /// The step that the answer is evidence for; `None` where it is not evidence.
    pub exposure: Option<Exposure>,
    /// The text of the answer's first choice; empty where the answer was not read.
    pub answer: CapturedText,
    /// What else is known of the response.
    pub outcome: Outcome,
}

/// Why a sample is not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unjudged {
    /// The request or the answer exceeds the bound.
    TooLarge,
    /// The answer has no text, or failed, or the request has no body.
    NoAnswer,
    /// Newer samples took its place, the ceiling of the cost was reached, or the release was rolled back.
    Dropped,
    /// The sample is one half of a pair, and the other half is not waited for any more.
    Unpaired,
}

// === impl Unjudged ===

impl Unjudged {
    /// All reasons.
    pub const ALL: [Self; 4] = [Self::TooLarge, Self::NoAnswer, Self::Dropped, Self::Unpaired];

    /// The reason's name in stats.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::NoAnswer => "no_answer",
            Self::Dropped => "dropped",
            Self::Unpaired => "unpaired",
        }
    }
}

// === impl Sample ===

impl Sample {
    /// Why it cannot be judged, where that is known before the request is read. Of a shadow's, the request is
    /// that of the other half.
    pub fn unjudged(&self) -> Option<Unjudged> {
        let prompt = &self.prompt;
        match self.answer() {
            _ if prompt.is_too_large() => Some(Unjudged::TooLarge),
            Err(why) => Some(why),
            Ok(_) if prompt.is_empty() && !self.is_shadow => Some(Unjudged::NoAnswer),
            Ok(_) => None,
        }
    }

    /// The messages of the request, of up to `max_bytes` bytes. A body of many empty parts has messages
    /// that are much larger than it is.
    ///
    /// # Errors
    /// Why they cannot be judged.
    pub fn messages(&self, max_bytes: usize) -> Result<Vec<Message>, Unjudged> {
        let prompt = &self.prompt;
        if prompt.is_too_large() {
            return Err(Unjudged::TooLarge);
        }
        let messages = read_messages(prompt.bytes()).ok_or(Unjudged::NoAnswer)?;
        let bytes = messages.iter().map(Message::json_bytes).fold(0, usize::saturating_add);
        if bytes <= max_bytes { Ok(messages) } else { Err(Unjudged::TooLarge) }
    }

    /// The text of the answer.
    ///
    /// # Errors
    /// Why it cannot be judged.
    pub fn answer(&self) -> Result<&str, Unjudged> {
        if self.answer.is_too_large() {
            return Err(Unjudged::TooLarge);
        }
        let is_success = matches!(self.outcome.status, Some(200..=299))
            && self.outcome.ending == StreamEnd::Complete
            && self.outcome.read_answer().is_some_and(|answer| !answer.error)
            && !self.outcome.has_failed_over;
        self.answer.text().filter(|_| is_success).ok_or(Unjudged::NoAnswer)
    }

    /// How many bytes of texts it has.
    pub fn text_bytes(&self) -> usize {
        self.prompt.len() + self.answer.len()
    }
}
