//! The one-sentence status of a rollout, and its urgency.

use super::labels;
use super::numbers::{Amount, SharePercent};
use super::shadow_headline::{self, ShadowStatus};
use super::time_format::HumanDuration;
use super::transitions::split_reason;
use super::view::{AnalysisView, GateView, RampView, RolloutView};

/// The urgency of a rollout's status, the highest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// There is a severe problem, or the rollout was rolled back.
    Bad,
    /// The rollout waits for an operator, or should be looked at.
    NeedsAction,
    /// There is no data yet.
    Unknown,
    /// The rollout waits and will continue without an operator.
    Waiting,
    /// The rollout advances or is done.
    Good,
}

/// The status of a rollout.
#[derive(Clone, Debug, PartialEq)]
pub struct Headline {
    /// The urgency.
    pub tone: Tone,
    /// The status as plain text, not HTML.
    pub text: String,
}

// === impl Tone ===

impl Tone {
    /// All tones, the most urgent first.
    pub const ALL: [Self; 5] =
        [Self::Bad, Self::NeedsAction, Self::Unknown, Self::Waiting, Self::Good];
}

/// From this fraction of the evidence for a rollback on, the headline says that green may be worse.
const MAY_BE_WORSE: f64 = 0.5;
/// The longest operator's reason in a headline, in characters.
const MAX_CHARS: usize = 140;
/// How the controller's reason for a rollback by gates begins.
const GREEN_IS_WORSE: &str = "green is worse";

// === impl Headline ===

impl Headline {
    fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self { tone, text: text.into() }
    }
}

/// The status of a rollout. A severe problem overrides a better status.
pub fn headline(rollout: &RolloutView) -> Headline {
    let Headline { tone, text } = status(rollout);
    if rollout.is_replaced {
        return Headline::new(
            Tone::Waiting,
            format!("Probably replaced by another rollout. {text}"),
        );
    }
    // The status is about these problems already.
    let waits_for = rollout.ramp.as_ref().map_or("", |ramp| ramp.waits_for.as_str());
    if tone == Tone::Bad || waits_for == "state_lost" || !rollout.is_known {
        return Headline { tone, text };
    }
    match rollout.problems.iter().find(|it| it.is_severe) {
        Some(problem) => {
            let what = shortened(problem.what.trim_end_matches('.'));
            let text = format!("The safety of green cannot be assessed: {what}. {text}");
            Headline::new(Tone::Bad, text)
        }
        None => Headline { tone, text },
    }
}

/// The status apart from problems.
fn status(rollout: &RolloutView) -> Headline {
    let share = SharePercent(rollout.green_bp);
    if !rollout.is_known {
        let text =
            format!("The state of the ramp is not known yet: {share} of users are on green.");
        return Headline::new(Tone::Unknown, text);
    }
    let command = rollout.order.as_ref();
    let reason = command.map(|it| shortened(&it.reason));
    match (rollout.phase.as_str(), reason, &rollout.ramp) {
        ("rolled_back", Some(reason), _) => {
            Headline::new(Tone::Bad, format!("Rolled back manually: {reason}"))
        }
        ("rolled_back", None, _) => {
            Headline::new(Tone::Bad, format!("Rolled back: {}.", rollback_reason(rollout)))
        }
        ("promoted", Some(reason), ramp) => promoted_manually(ramp.as_ref(), &reason),
        ("promoted", None, _) => Headline::new(Tone::Good, "Promoted: everyone is on green."),
        ("by_hand", Some(reason), _) => {
            Headline::new(Tone::Waiting, format!("Manual weights: {share} on green: {reason}"))
        }
        ("by_hand", None, _) => Headline::new(
            Tone::Waiting,
            format!("Manual weights: {share} on green, no automatic checks."),
        ),
        ("paused", reason, ramp) => {
            let is_weights = command.is_some_and(|it| it.order == "weights");
            paused(share, is_weights, reason.as_deref(), ramp.as_ref())
        }
        (_, _, Some(ramp)) => in_step(rollout, ramp),
        (phase, _, None) => {
            Headline::new(Tone::Unknown, format!("Green has {share}: {}.", labels::phase(phase)))
        }
    }
}

fn promoted_manually(ramp: Option<&RampView>, reason: &str) -> Headline {
    match ramp.and_then(|ramp| ramp.judgement.as_ref()).and_then(may_be_worse) {
        Some(on_gates) => {
            let text = format!(
                "Promoted manually, and green may be worse{on_gates}; gates are not enforced: \
                 {reason}"
            );
            Headline::new(Tone::NeedsAction, text)
        }
        None => {
            let text = format!("Promoted manually; only tripwires are active: {reason}");
            Headline::new(Tone::Waiting, text)
        }
    }
}

fn paused(
    share: SharePercent,
    is_weights: bool,
    reason: Option<&str>,
    ramp: Option<&RampView>,
) -> Headline {
    let is_state_lost = ramp.is_some_and(|ramp| ramp.waits_for == "state_lost");
    let text = match reason {
        Some(reason) if is_weights => {
            format!("Manual weights: {share} on green, and the ramp is paused: {reason}")
        }
        Some(reason) => format!("Paused manually at {share} on green: {reason}"),
        None if is_state_lost => {
            "Paused on blue: the state of a ramp that started earlier was lost, \
                                  and an operator must restart it."
                .to_owned()
        }
        None => format!("Paused by the configuration at {share} on green."),
    };
    Headline::new(Tone::NeedsAction, text)
}

/// " on …" with the gates on which green may be worse; `None` if the evidence is weak.
fn may_be_worse(analysis: &AnalysisView) -> Option<String> {
    if analysis.worse < MAY_BE_WORSE {
        return None;
    }
    let worst = analysis.gates.iter().filter(|it| it.is_critical && it.worse >= MAY_BE_WORSE);
    let names = gate_names(worst);
    Some(if names.is_empty() { names } else { format!(" on {names}") })
}

/// The status of a ramp that is ramping or holding.
fn in_step(rollout: &RolloutView, ramp: &RampView) -> Headline {
    let share = SharePercent(rollout.green_bp);
    if let Some(step) = ramp.shadow_step.as_ref().filter(|step| step.is_current) {
        return match shadow_headline::status(ramp, step) {
            ShadowStatus::NoPairs(text) => Headline::new(Tone::Unknown, text),
            ShadowStatus::Comparing(text) => Headline::new(Tone::Good, text),
            ShadowStatus::NeedsAction(text) => Headline::new(Tone::NeedsAction, text),
        };
    }
    if ramp.is_baseline {
        let left = HumanDuration(ramp.about_s.unwrap_or_default());
        let text = format!(
            "Everyone is on blue: the ramp learns how users differ, and begins in about {left}."
        );
        return Headline::new(Tone::Good, text);
    }
    let Some(analysis) = &ramp.judgement else {
        let text = format!("Green has {share}, and there is no blue traffic to compare it with.");
        return Headline::new(Tone::Unknown, text);
    };
    if analysis.is_mismatched {
        let text = format!("Holding at {share}: the split of users does not match the weights.");
        return Headline::new(Tone::Bad, text);
    }
    if let Some(headline) = without_data(analysis, ramp.in_step_s) {
        return headline;
    }
    in_compared_step(share, ramp, analysis)
}

/// The status of a step in which both versions have data.
fn in_compared_step(share: SharePercent, ramp: &RampView, analysis: &AnalysisView) -> Headline {
    if let Some(on_gates) = may_be_worse(analysis) {
        let text = format!(
            "Green may be worse{on_gates}: {share} of users are on it, and more evidence rolls it \
             back."
        );
        return Headline::new(Tone::NeedsAction, text);
    }
    match ramp.waits_for.as_str() {
        "incident" => Headline::new(
            Tone::NeedsAction,
            format!(
                "Holding at {share}: blue is degraded as well, so the cause probably affects both. \
                 The ramp resumes automatically when it ends."
            ),
        ),
        "unread" => {
            let gates = analysis.gates.iter();
            let names =
                gate_names(gates.filter(|it| it.is_critical && it.verdict == "not_comparable"));
            let text = format!(
                "Holding at {share}: {names} cannot be compared, since too many answers of one \
                 version lack the value."
            );
            Headline::new(Tone::NeedsAction, text)
        }
        "approval" => {
            let next = ramp.steps.get(ramp.step + 1).map_or(10_000, |it| it.green_bp);
            let next = SharePercent(next);
            let text = format!(
                "Green is safe so far at {share}: waiting for approval to advance to {next}."
            );
            Headline::new(Tone::NeedsAction, text)
        }
        "nothing" => {
            Headline::new(Tone::Good, format!("Green is safe: the last step, {share}, is reached."))
        }
        "evidence" => {
            let (tone, status) = match ramp.is_overdue {
                true => (Tone::NeedsAction, "Overdue"),
                false => (Tone::Waiting, "Holding"),
            };
            let on = inconclusive_gates(analysis);
            Headline::new(tone, format!("{status} at {share}: waiting for evidence on {on}."))
        }
        _ => advancing(share, ramp, analysis.verdict == "pass"),
    }
}

fn without_data(analysis: &AnalysisView, in_step_s: u64) -> Option<Headline> {
    let what = match (analysis.blue_units, analysis.green_units) {
        (0, 0) => "no responses",
        (0, _) => "no responses to blue's users",
        (_, 0) => "no responses to green's users",
        _ => return None,
    };
    let time = HumanDuration(in_step_s);
    Some(Headline::new(Tone::Unknown, format!("No data yet: {what} in this step for {time}.")))
}

/// The status of a step without anything against green.
fn advancing(share: SharePercent, ramp: &RampView, is_safe: bool) -> Headline {
    let when = ramp.about_s.map_or_else(
        || "later".to_owned(),
        |seconds| format!("in about {}", HumanDuration(seconds)),
    );
    let next = match ramp.steps.get(ramp.step + 1) {
        None => "this is the last step".to_owned(),
        Some(_) if !is_safe => format!("the next decision comes {when}"),
        Some(step) if step.needs_approval => format!("the next step needs approval {when}"),
        Some(_) => format!("the next step comes {when}"),
    };
    let status = if is_safe { "Green is safe so far" } else { "No evidence against green so far" };
    Headline::new(Tone::Good, format!("{status}: {share} of users are on it; {next}."))
}

fn rollback_reason(rollout: &RolloutView) -> String {
    let decision = rollout.decisions.iter().find(|it| it.to_phase == "rolled_back");
    // A tripwire's readings are in the log. They cover another time span than the gates.
    let is_by_gates = decision.is_none_or(|it| split_reason(&it.why).summary == GREEN_IS_WORSE);
    let analysis = rollout.ramp.as_ref().and_then(|ramp| ramp.judgement.as_ref());
    let shadow = rollout.ramp.as_ref().and_then(|ramp| ramp.shadow_step.as_ref());
    let shadow = shadow.filter(|step| is_by_gates && step.is_current);
    if let Some(reason) = shadow.and_then(shadow_headline::rollback_reason) {
        return reason;
    }
    let gates = analysis.filter(|_| is_by_gates).into_iter().flat_map(|it| &it.gates);
    let failed = gates.filter(|gate| gate.is_critical && gate.verdict == "fail");
    if let Some(gate) = failed.max_by(|a, b| a.worse.total_cmp(&b.worse)) {
        let worse = labels::metric(&gate.metric).worse;
        return match (gate.green, gate.blue) {
            (Some(green), Some(blue)) => {
                let amount = |number| Amount { number, unit: &gate.unit, is_difference: false };
                format!("green had {worse} ({} against {})", amount(green), amount(blue))
            }
            _ => format!("green had {worse}"),
        };
    }
    let why = decision.map_or("all users are on blue", |it| it.why.as_str());
    shortened(split_reason(why).summary.trim_end_matches('.'))
}

/// The gates that hold the ramp.
fn inconclusive_gates(analysis: &AnalysisView) -> String {
    let gates = analysis.gates.iter();
    let names = gate_names(gates.filter(|it| it.is_critical && it.verdict == "undecided"));
    if names.is_empty() { "green as a whole".into() } else { names }
}

/// At most three names; of more gates the number.
fn gate_names<'a>(gates: impl Iterator<Item = &'a GateView>) -> String {
    let names: Vec<_> =
        gates.map(|gate| labels::metric(&gate.metric).name.to_ascii_lowercase()).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [one, two] => format!("{one} and {two}"),
        [one, two, three] => format!("{one}, {two} and {three}"),
        [one, two, rest @ ..] => format!("{one}, {two} and {} more", rest.len()),
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_CHARS) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or(text).trim_end()),
        None => text.to_owned(),
    }
}
