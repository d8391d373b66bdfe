//! The counters of feedback.

use verdigris::feedback::{FeedbackEvent, Thumb};
use verdigris::stats::{Counter, count_feedback, count_limited_feedback};

#[test]
fn feedback_counts_by_thumb_score_and_proof() {
    use Counter::{FeedbackDown, FeedbackUnproved, FeedbackUp, ScoreCount, ScoreMilliSum};
    type Row<'a> = (Option<Thumb>, Option<f32>, bool, &'a [(Counter, u64)]);
    let table: [Row<'_>; 4] = [
        (Some(Thumb::Up), None, true, &[(FeedbackUp, 1)]),
        (Some(Thumb::Down), None, false, &[(FeedbackDown, 1), (FeedbackUnproved, 1)]),
        (None, Some(0.25), true, &[(ScoreMilliSum, 250), (ScoreCount, 1)]),
        (Some(Thumb::Up), Some(0.0), true, &[(FeedbackUp, 1), (ScoreMilliSum, 0), (ScoreCount, 1)]),
    ];
    for (thumb, score, is_proved, expected) in table {
        let mut counters = Vec::new();
        let event = FeedbackEvent { thumb, score };
        count_feedback(event, is_proved, |counter, count| counters.push((counter, count)));
        assert_eq!(counters, expected);
    }
    let mut counters = Vec::new();
    count_limited_feedback(|counter, count| counters.push((counter, count)));
    assert_eq!(counters, [(Counter::FeedbackLimited, 1)]);
}
