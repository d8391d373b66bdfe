//! The counters of feedback.

use super::names::Counter;
use crate::feedback::{FeedbackEvent, Thumb};

/// Gives `add` the counters of accepted feedback with the number to add. `is_proved` says
/// whether it came with a valid signed exposure.
pub fn count_feedback(event: FeedbackEvent, is_proved: bool, mut add: impl FnMut(Counter, u64)) {
    match event.thumb {
        Some(Thumb::Up) => add(Counter::FeedbackUp, 1),
        Some(Thumb::Down) => add(Counter::FeedbackDown, 1),
        None => {}
    }
    if let Some(milli) = event.score_milli() {
        add(Counter::ScoreMilliSum, milli);
        add(Counter::ScoreCount, 1);
    }
    if !is_proved {
        add(Counter::FeedbackUnproved, 1);
    }
}

/// Gives `add` the counter of feedback that exceeds the rate limit of its unit.
pub fn count_limited_feedback(mut add: impl FnMut(Counter, u64)) {
    add(Counter::FeedbackLimited, 1);
}
