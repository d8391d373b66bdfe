//! What is listened to of users and judges.

use serde_json::json;

use super::Problem;
use super::problems::Problems;
use super::written::write_example;
use super::written_release::{AnsweredBy, WrittenFeedback};
use crate::feedback::VotePlaces;
use crate::patch::pointer;

/// What is listened to of users and judges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feedback {
    /// The path of requests that carry it, without a query.
    pub path: Box<str>,
    /// Where in their bodies it stands.
    pub places: VotePlaces,
    /// How often a unit is heard in a minute, by each worker.
    pub max_per_minute: u32,
    /// Whether the upstream gets such requests too, and answers them.
    pub passes_on: bool,
}

/// The most that `max_per_minute` may be.
const MOST: u64 = 1_000_000;

pub(super) fn feedback(written: WrittenFeedback, problems: &mut Problems) -> Option<Feedback> {
    let is_path =
        |path: &str| path.len() > 1 && path.starts_with('/') && !path.contains(['?', '#']);
    let path = problems.required("feedback.path", written.path, |path| {
        let rule = r#"write the path of requests that carry feedback, without a query, such as "/feedback""#;
        if is_path(path) { Ok(Box::from(path)) } else { Err(rule) }
    });
    let mut place = |field: &str, written: Option<String>| {
        let written = written?;
        let tokens = pointer::tokens(&written);
        if tokens.is_none() {
            let mend = "write a JSON pointer into the body, such as \"/thumb\"";
            problems.note(Problem::new(field, &json!(written), mend));
        }
        tokens
    };
    let is_deaf = written.thumb.is_none() && written.score.is_none();
    let places = VotePlaces {
        thumb: place("feedback.thumb", written.thumb),
        score: place("feedback.score", written.score),
        step: place("feedback.step", written.step),
    };
    if is_deaf {
        problems.note(Problem::missing("feedback.thumb", write_example("feedback")));
    }
    let most = written.max_per_minute.unwrap_or(60);
    let max_per_minute = u32::try_from(most).ok().filter(|_| (1..=MOST).contains(&most));
    if max_per_minute.is_none() {
        let mend = format!("write a whole number from 1 to {MOST}, such as 60");
        problems.note(Problem::new("feedback.max_per_minute", &json!(most), mend));
    }
    Some(Feedback {
        path: path?,
        places,
        max_per_minute: max_per_minute?,
        passes_on: written.answered_by == AnsweredBy::Upstream,
    })
}
