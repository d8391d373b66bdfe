//! Effects on feedback.

use serde_json::{Value, json};

use super::{Change, both};

/// A rollout with feedback, and further fields of it.
fn feedback(fields: Value) -> Value {
    json!({"feedback": both(json!({"path": "/f", "thumb": "/t"}), fields)})
}

#[test]
fn changes_of_feedback() {
    let plain = || feedback(json!({}));
    let renamed = both(plain(), json!({"rollout": "v9"}));
    let limited = feedback(json!({"max_per_minute": 5}));
    let by_upstream = feedback(json!({"answered_by": "upstream"}));
    for (old, new, field, text) in [
        (json!({}), plain(), "feedback", "POST requests to /f count as feedback, and reach no"),
        (plain(), json!({}), "feedback", "feedback is no longer accepted: requests to /f"),
        (
            plain(),
            feedback(json!({"path": "/g"})),
            "feedback.path",
            "those to /f are assigned like any other",
        ),
        (
            plain(),
            feedback(json!({"thumb": "/up"})),
            "feedback.thumb",
            "a thumb is no longer read from its previous place",
        ),
        (plain(), limited, "feedback.max_per_minute", "changes from 60 to 5 a minute"),
        (
            plain(),
            by_upstream,
            "feedback.answered_by",
            "the upstream answers feedback, instead of the filter",
        ),
        (plain(), renamed, "feedback", "receipts contain the rollout and the unit"),
    ] {
        Change::new(old, new, field, text).check();
    }
}
