//! Which feedback is accepted after a reload, and where it is expected.

use super::effect::Effect;
use crate::config::{Config, FeedbackConfig};

/// The effects of a change of `feedback`.
pub(super) fn feedback(old: &Config, new: &Config) -> Vec<Effect> {
    let (from, to) = match (&old.feedback, &new.feedback) {
        (None, None) => return Vec::new(),
        (Some(from), None) => {
            let what = format!(
                "feedback is no longer accepted: requests to {} are assigned like any other, and \
                 answers carry no receipt",
                from.path
            );
            return vec![Effect::new("feedback", what)];
        }
        (None, Some(to)) => {
            let what = format!(
                "POST requests to {} count as feedback{}; earlier answers carry no receipt, so \
                 feedback on them is shown, but is no evidence",
                to.path,
                if to.passes_on { "" } else { ", and reach no upstream" }
            );
            return vec![Effect::new("feedback", what)];
        }
        (Some(from), Some(to)) => (from, to),
    };
    let mut effects = settings(from, to);
    let receipts_change = old.rollout != new.rollout
        || old.unit != new.unit
        || old.conversation.is_some() != new.conversation.is_some();
    if receipts_change {
        let what = "receipts contain the rollout and the unit, so earlier ones may be invalid: \
                    feedback on earlier answers is then shown under the current version, and is no \
                    evidence";
        effects.push(Effect::new("feedback", what));
    }
    effects
}

fn settings(from: &FeedbackConfig, to: &FeedbackConfig) -> Vec<Effect> {
    let mut effects = Vec::new();
    let mut add = |field: &str, what: String| effects.push(Effect::new(field, what));
    if from.path != to.path {
        let what = format!(
            "POST requests to {} count as feedback, and those to {} are assigned like any other",
            to.path, from.path
        );
        add("feedback.path", what);
    }
    let pointers = [
        ("feedback.thumb", &from.pointers.thumb, &to.pointers.thumb, "a thumb"),
        ("feedback.score", &from.pointers.score, &to.pointers.score, "a score"),
        ("feedback.step", &from.pointers.step, &to.pointers.step, "a receipt"),
    ];
    for (field, from, to, what) in pointers {
        if from.is_some() && from != to {
            add(field, format!("{what} is no longer read from its previous place"));
        }
    }
    if from.max_per_minute != to.max_per_minute {
        let what = format!(
            "the limit per unit changes from {} to {} a minute; the count of the current minute is \
             reset",
            from.max_per_minute, to.max_per_minute
        );
        add("feedback.max_per_minute", what);
    }
    if from.passes_on != to.passes_on {
        let (now, before) = match to.passes_on {
            true => ("the upstream", "the filter"),
            false => ("the filter", "the upstream"),
        };
        add("feedback.answered_by", format!("{now} answers feedback, instead of {before}"));
    }
    effects
}
