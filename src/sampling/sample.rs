//! A sampled request with its answer.

use super::conversation_text::{Message, read_messages};
use crate::assignment::{Exposure, Version};
use crate::response::{CapturedText, Format, Outcome, StreamEnd};

/// A sampled request whose answer has not ended.
#[derive(Clone, Debug)]
pub struct SampledRequest {
    /// The request's id (`x-request-id`).
    pub id: Box<[u8]>,
    /// The body as the client has sent it, before its version's patch.
    pub prompt: CapturedText,
    /// The signed exposure that the answer carries, where feedback is configured.
    pub receipt: Option<String>,
}

/// A sampled request with its answer.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The request.
    pub request: SampledRequest,
    /// The version that answered.
    pub version: Version,
    /// Whether the answer is green's to a copy of a request, in a shadow step.
    pub is_shadow: bool,
    /// The step that the answer is evidence for; `None` where it is not evidence.
    pub exposure: Option<Exposure>,
    /// The format of the answer.
    pub format: Format,
    /// The text of the answer's first choice; empty where the answer was not read.
    pub answer: CapturedText,
    /// What else is known of the response.
    pub outcome: Outcome,
    /// When the response ended, in nanoseconds of the monotonic clock.
    pub ended_ns: u64,
}

/// Why a sample is not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unjudged {
    /// The request or the answer exceeds the bound.
    TooLarge,
    /// The answer has no text, or failed, or the request has no body.
    NoAnswer,
    /// Too many samples waited, the ceiling of the cost was reached, or the release was rolled back.
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

// === impl SampledRequest ===

impl SampledRequest {
    /// A request with this id, whose prompt has up to `max_bytes` bytes.
    pub fn new(id: &[u8], max_bytes: usize) -> Self {
        Self { id: id.into(), prompt: CapturedText::new(max_bytes), receipt: None }
    }
}

// === impl Sample ===

impl Sample {
    /// The messages of the request.
    ///
    /// # Errors
    /// Why they cannot be judged.
    pub fn messages(&self) -> Result<Vec<Message>, Unjudged> {
        let prompt = &self.request.prompt;
        if prompt.is_too_large() {
            return Err(Unjudged::TooLarge);
        }
        read_messages(prompt.bytes()).ok_or(Unjudged::NoAnswer)
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
        self.request.prompt.len() + self.answer.len()
    }
}
