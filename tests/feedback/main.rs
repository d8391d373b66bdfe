//! Feedback on answers.

use verdigris::feedback::FeedbackPointers;
use verdigris::json::JsonPointer;

mod event;
mod intake;
mod rate_limiter;
mod signed_exposure;

/// The pointers of a body such as `{"thumb": "up", "score": 0.5, "step": "…"}`.
fn pointers() -> FeedbackPointers {
    let pointer = |text| JsonPointer::parse(text);
    FeedbackPointers { thumb: pointer("/thumb"), score: pointer("/score"), step: pointer("/step") }
}
