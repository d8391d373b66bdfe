//! A sampled request with its answer.

use crate::assignment::{Exposure, Version};
use crate::response::{CapturedText, Format, Outcome};

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

// === impl SampledRequest ===

impl SampledRequest {
    /// A request with this id, whose prompt has up to `max_bytes` bytes.
    pub fn new(id: &[u8], max_bytes: usize) -> Self {
        Self { id: id.into(), prompt: CapturedText::new(max_bytes), receipt: None }
    }
}

// === impl Sample ===

impl Sample {
    /// How many bytes of texts it has.
    pub fn text_bytes(&self) -> usize {
        self.request.prompt.len() + self.answer.len()
    }
}
