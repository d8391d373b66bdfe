//! Where the body of a feedback request has its parts.

use crate::json::JsonPointer;

/// Where the body of a feedback request has its parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedbackPointers {
    /// The thumb.
    pub thumb: Option<JsonPointer>,
    /// The score.
    pub score: Option<JsonPointer>,
    /// The signed exposure, where the request has no header with it.
    pub step: Option<JsonPointer>,
}

// === impl FeedbackPointers ===

impl FeedbackPointers {
    /// Describes what a body must have, as an instruction to the client.
    pub(super) fn instruction(&self) -> String {
        let thumb = self.thumb.as_ref().map(|at| format!("\"up\" or \"down\" at {at}"));
        let score = self.score.as_ref().map(|at| format!("a number from 0 to 1 at {at}"));
        let parts: Vec<String> = thumb.into_iter().chain(score).collect();
        format!("write {}", parts.join(", or "))
    }
}
