//! The `feedback` section: thumbs and scores for responses.

use serde_json::json;

use super::FieldError;
use super::diagnostics::Diagnostics;
use super::examples::example_fix;
use super::raw::sections::{FeedbackResponder, RawFeedback};
use crate::feedback::FeedbackPointers;
use crate::json::JsonPointer;
use crate::response::known_path::is_certain;

/// How feedback is received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedbackConfig {
    /// The path of feedback requests, without a query.
    pub path: Box<str>,
    /// The location of the feedback in request bodies.
    pub pointers: FeedbackPointers,
    /// The number of feedback requests per unit and minute that each worker accepts.
    pub max_per_minute: u32,
    /// Whether feedback requests are forwarded to the upstream, which then responds to them.
    pub passes_on: bool,
}

/// The default of `max_per_minute`.
const PER_MINUTE: u64 = 60;

/// The largest allowed `max_per_minute`.
const MAX_PER_MINUTE: u64 = 1_000_000;

/// Checks the `feedback` section.
pub(super) fn check_feedback(
    raw: RawFeedback,
    diagnostics: &mut Diagnostics,
) -> Option<FeedbackConfig> {
    // No other path can arrive.
    let is_in_path = |it: char| it.is_ascii_graphic() && !matches!(it, '?' | '#');
    let is_path =
        |path: &str| path.len() > 1 && path.starts_with('/') && path.chars().all(is_in_path);
    let path = diagnostics.required("feedback.path", raw.path, |path| {
        let rule = r#"write the path of feedback requests in ASCII, without spaces and a query, such as "/feedback""#;
        let taken = r#"is the path of a model's API, whose requests would be answered as feedback; write a path of its own, such as "/feedback""#;
        match is_path(path) {
            true if is_certain(path.as_bytes()) => Err(taken),
            true => Ok(Box::from(path)),
            false => Err(rule),
        }
    });
    let has_none = raw.thumb.is_none() && raw.score.is_none();
    let mut check_pointer = |field: &str, text: Option<String>| {
        let text = text?;
        let pointer = JsonPointer::parse(&text);
        if pointer.is_none() {
            let fix = "write a JSON pointer into the body, such as \"/thumb\"";
            diagnostics.push(FieldError::new(field, &json!(text), fix));
        }
        pointer
    };
    let pointers = FeedbackPointers {
        thumb: check_pointer("feedback.thumb", raw.thumb),
        score: check_pointer("feedback.score", raw.score),
        step: check_pointer("feedback.step", raw.step),
    };
    if has_none {
        diagnostics.push(FieldError::missing("feedback.thumb", example_fix("feedback")));
    }
    let requests = raw.max_per_minute.unwrap_or(PER_MINUTE);
    let max_per_minute =
        u32::try_from(requests).ok().filter(|_| (1..=MAX_PER_MINUTE).contains(&requests));
    if max_per_minute.is_none() {
        let fix = format!("write a whole number from 1 to {MAX_PER_MINUTE}, such as {PER_MINUTE}");
        diagnostics.push(FieldError::new("feedback.max_per_minute", &json!(requests), fix));
    }
    Some(FeedbackConfig {
        path: path?,
        pointers,
        max_per_minute: max_per_minute?,
        passes_on: raw.answered_by == FeedbackResponder::Upstream,
    })
}
