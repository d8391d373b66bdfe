//! The status of a ramp in its shadow step, in one sentence.

use super::labels;
use super::numbers::{GroupedCount, SharePercent};
use super::view::{PairedGateView, RampView, ShadowStepView};
use crate::rollout::decimal::Decimal;

/// The status of the step, without its urgency.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ShadowStatus {
    /// There is no pair yet.
    NoPairs(String),
    /// The step gathers pairs.
    Comparing(String),
    /// The ramp waits for an operator, or an operator should look at it.
    NeedsAction(String),
}

/// From this fraction of the evidence for a rollback on, the status says that green may be worse.
const MAY_BE_WORSE: f64 = 0.5;

/// The status of a step that the ramp is in.
pub(super) fn status(ramp: &RampView, step: &ShadowStepView) -> ShadowStatus {
    let pairs = format!("{} of {} pairs", GroupedCount(step.pairs), GroupedCount(step.max_pairs));
    if ramp.waits_for == "approval" {
        let first = ramp.steps.first().map_or(0, |it| it.green_bp);
        return ShadowStatus::NeedsAction(format!(
            "Green is safe by {pairs}, and no user has seen it: waiting for approval to advance to {}.",
            SharePercent(first)
        ));
    }
    if ramp.waits_for == "incident" {
        return ShadowStatus::NeedsAction(
            "Holding before any user is on green: blue is degraded as well, so the cause probably \
             affects both. The ramp resumes automatically when it ends."
                .to_owned(),
        );
    }
    if step.worse >= MAY_BE_WORSE {
        return ShadowStatus::NeedsAction(format!(
            "Green may be worse by {pairs}: no user is on it, and more evidence rolls it back."
        ));
    }
    let needed = step.pairs_needed.filter(|_| step.verdict == "undecided");
    let needed = needed.map(|it| format!(", about {} are needed", GroupedCount(it)));
    let needed = needed.unwrap_or_default();
    let is_held = ramp.is_overdue || step.pairs >= step.max_pairs;
    match (step.pairs, is_held) {
        (0, true) => ShadowStatus::NeedsAction(
            "Overdue: no copy of a request has met the response to its request.".to_owned(),
        ),
        (0, false) => ShadowStatus::NoPairs(
            "No pairs yet: green answers copies of requests, and no user is on it.".to_owned(),
        ),
        (_, true) => ShadowStatus::NeedsAction(format!(
            "Holding before any user is on green: {pairs}{needed}; undecided: {}.",
            undecided(step)
        )),
        (_, false) => ShadowStatus::Comparing(format!(
            "No evidence against green so far: {pairs}{needed}; no user is on it."
        )),
    }
}

/// Why green was found worse, if a gate has found that.
pub(super) fn rollback_reason(step: &ShadowStepView) -> Option<String> {
    let failed = step.gates.iter().filter(|gate| gate.is_critical && gate.verdict == "fail");
    let gate = failed.max_by(|a, b| a.worse.total_cmp(&b.worse))?;
    let worse = labels::metric(&gate.metric).worse;
    Some(format!("in the shadow step green had {worse}{}; no user was on it", compared(gate)))
}

/// " (…)" with what the pairs show.
fn compared(gate: &PairedGateView) -> String {
    match (gate.ratio, gate.green_only, gate.blue_only) {
        (Some(ratio), ..) => format!(" ({} times blue’s)", Decimal(ratio, 2)),
        (None, Some(green), Some(blue)) => format!(
            " ({} on green alone, {} on blue alone)",
            GroupedCount(green),
            GroupedCount(blue)
        ),
        _ => String::new(),
    }
}

/// The gates that keep the ramp in the step.
fn undecided(step: &ShadowStepView) -> String {
    let gates = step
        .gates
        .iter()
        .filter(|gate| gate.is_critical && !matches!(gate.verdict.as_str(), "pass" | "left_out"));
    let names: Vec<_> =
        gates.map(|gate| labels::metric(&gate.metric).name.to_ascii_lowercase()).collect();
    if names.is_empty() { "green as a whole".to_owned() } else { names.join(", ") }
}
