//! What is listened to of users and judges.

use serde_json::json;

use super::FieldError;
use super::diagnostics::Diagnostics;
use super::examples::write_example;
use super::raw::release::{FeedbackResponder, RawFeedback};
use crate::feedback::FeedbackPointers;
use crate::json::JsonPointer;

/// What is listened to of users and judges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedbackConfig {
    /// The path of requests that carry it, without a query.
    pub path: Box<str>,
    /// Where in their bodies it stands.
    pub pointers: FeedbackPointers,
    /// How often a unit is heard in a minute, by each worker.
    pub max_per_minute: u32,
    /// Whether the upstream gets such requests too, and answers them.
    pub passes_on: bool,
}

/// The most that `max_per_minute` may be.
const MAX_PER_MINUTE: u64 = 1_000_000;

pub(super) fn feedback(written: RawFeedback, problems: &mut Diagnostics) -> Option<FeedbackConfig> {
    let is_path =
        |path: &str| path.len() > 1 && path.starts_with('/') && !path.contains(['?', '#']);
    let path = problems.required("feedback.path", written.path, |path| {
        let rule = r#"write the path of requests that carry feedback, without a query, such as "/feedback""#;
        if is_path(path) { Ok(Box::from(path)) } else { Err(rule) }
    });
    let mut place = |field: &str, written: Option<String>| {
        let written = written?;
        let tokens = JsonPointer::parse(&written);
        if tokens.is_none() {
            let mend = "write a JSON pointer into the body, such as \"/thumb\"";
            problems.push(FieldError::new(field, &json!(written), mend));
        }
        tokens
    };
    let is_deaf = written.thumb.is_none() && written.score.is_none();
    let places = FeedbackPointers {
        thumb: place("feedback.thumb", written.thumb),
        score: place("feedback.score", written.score),
        step: place("feedback.step", written.step),
    };
    if is_deaf {
        problems.push(FieldError::missing("feedback.thumb", write_example("feedback")));
    }
    let most = written.max_per_minute.unwrap_or(60);
    let max_per_minute = u32::try_from(most).ok().filter(|_| (1..=MAX_PER_MINUTE).contains(&most));
    if max_per_minute.is_none() {
        let mend = format!("write a whole number from 1 to {MAX_PER_MINUTE}, such as 60");
        problems.push(FieldError::new("feedback.max_per_minute", &json!(most), mend));
    }
    Some(FeedbackConfig {
        path: path?,
        pointers: places,
        max_per_minute: max_per_minute?,
        passes_on: written.answered_by == FeedbackResponder::Upstream,
    })
}
