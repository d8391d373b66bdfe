//! The first line: whether the release is fine, in words.

use super::labels;
use super::numbers::{Amount, SharePercent};
use super::time_format::HumanDuration;
use super::transitions::lead;
use super::view::{GateView, JudgementView, RampView, RolloutView};

/// How a rollout stands, from what most needs a person to what least does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Something is wrong, or was and was rolled back.
    Bad,
    /// It goes on only if somebody does something.
    Asks,
    /// Nothing can be said yet.
    Unknown,
    /// It waits, by itself.
    Waits,
    /// It goes as it should.
    Good,
}

/// Whether a release is fine.
#[derive(Clone, Debug, PartialEq)]
pub struct Headline {
    /// How it stands.
    pub tone: Tone,
    /// The same in words; not HTML.
    pub text: String,
}

// === impl Tone ===

impl Tone {
    /// All of them, the one that most needs a person first.
    pub const ALL: [Self; 5] = [Self::Bad, Self::Asks, Self::Unknown, Self::Waits, Self::Good];
}

/// From what part of the evidence for a rollback on it is said that green may be worse.
const MAY_BE_WORSE: f64 = 0.5;
/// More of a text written by a person is not in the first line.
const MAX_CHARS: usize = 140;

/// What is to be said first of a rollout.
pub fn headline(rollout: &RolloutView) -> Headline {
    let (tone, text) = tone_and_text(rollout);
    Headline { tone, text }
}

fn tone_and_text(rollout: &RolloutView) -> (Tone, String) {
    let (tone, text) = without_ramp(rollout);
    if rollout.is_replaced {
        let text = format!("Over, it seems, since another rollout has come. {text}");
        return (Tone::Waits, text);
    }
    // These are what the line is about.
    let waits = rollout.ramp.as_ref().map_or("", |ramp| ramp.waits_for.as_str());
    if tone == Tone::Bad || waits == "state_lost" || !rollout.is_known {
        return (tone, text);
    }
    match rollout.problems.iter().find(|it| it.is_severe) {
        Some(problem) => {
            let what = short(problem.what.trim_end_matches('.'));
            (Tone::Bad, format!("Green is not known to be safe: {what}. {text}"))
        }
        None => (tone, text),
    }
}

fn without_ramp(rollout: &RolloutView) -> (Tone, String) {
    let share = SharePercent(rollout.green_bp);
    let order = rollout.order.as_ref().map(|order| (order.order.as_str(), short(&order.reason)));
    if !rollout.is_known {
        let text = format!("It is not known yet where the ramp stands: {share} are on green.");
        return (Tone::Unknown, text);
    }
    if rollout.phase == "rolled_back" {
        let text = match order {
            Some((_, reason)) => format!("Rolled back by hand: {reason}"),
            None => format!("Rolled back: {}.", rollback_reason(rollout)),
        };
        return (Tone::Bad, text);
    }
    match (rollout.phase.as_str(), order, &rollout.ramp) {
        ("promoted", Some((_, reason)), ramp) => {
            let judgement = ramp.as_ref().and_then(|ramp| ramp.judgement.as_ref());
            match judgement.and_then(may_be_worse) {
                Some(at) => {
                    let text = format!(
                        "Promoted by hand, and green may be worse{at}; the gates are not asked: \
                         {reason}"
                    );
                    (Tone::Asks, text)
                }
                None => {
                    let text = format!("Promoted by hand, and only tripwires look on: {reason}");
                    (Tone::Waits, text)
                }
            }
        }
        ("promoted", None, _) => (Tone::Good, "Promoted: everyone is on green.".into()),
        ("by_hand", Some((_, reason)), _) => {
            (Tone::Waits, format!("Weights by hand: {share} on green, {reason}"))
        }
        ("by_hand", None, _) => {
            (Tone::Waits, format!("Weights by hand: {share} on green, and nothing is judged."))
        }
        ("paused", Some(("weights", reason)), _) => {
            let text =
                format!("Weights by hand: {share} on green, and the ramp is paused: {reason}");
            (Tone::Asks, text)
        }
        ("paused", Some((_, reason)), _) => {
            (Tone::Asks, format!("Paused by hand at {share} on green: {reason}"))
        }
        ("paused", None, Some(ramp)) if ramp.waits_for == "state_lost" => (
            Tone::Asks,
            "Paused on blue: nothing is known of a ramp that was started earlier, and a person \
             must begin it again."
                .into(),
        ),
        ("paused", None, _) => {
            (Tone::Asks, format!("Paused by the configuration at {share} on green."))
        }
        (_, _, Some(ramp)) => in_step(rollout, ramp),
        (phase, _, None) => {
            (Tone::Unknown, format!("Green has {share}: {}.", labels::phase(phase)))
        }
    }
}

/// On which gates, if green may be worse.
fn may_be_worse(judgement: &JudgementView) -> Option<String> {
    if judgement.worse < MAY_BE_WORSE {
        return None;
    }
    let worst = judgement.gates.iter().filter(|it| it.is_critical && it.worse >= MAY_BE_WORSE);
    let names = names(worst);
    Some(if names.is_empty() { names } else { format!(" on {names}") })
}

/// Of a ramp that goes on by itself.
fn in_step(rollout: &RolloutView, ramp: &RampView) -> (Tone, String) {
    let share = SharePercent(rollout.green_bp);
    let Some(judgement) = &ramp.judgement else {
        return (Tone::Unknown, format!("Green has {share}, and nothing to be compared with."));
    };
    let soon = ramp.about_s.map(HumanDuration);
    if judgement.is_mismatched {
        let text = format!("Holding at {share}: users are not divided as the weights say.");
        return (Tone::Bad, text);
    }
    if judgement.blue_units == 0 || judgement.green_units == 0 {
        let of = match (judgement.blue_units, judgement.green_units) {
            (0, 0) => "no responses",
            (0, _) => "no responses of blue's users",
            _ => "no responses of green's users",
        };
        let since = HumanDuration(ramp.in_step_s);
        return (Tone::Unknown, format!("Nothing is known yet: {of} in this step, for {since}."));
    }
    if let Some(at) = may_be_worse(judgement) {
        let text = format!(
            "Green may be worse{at}: {share} of users are on it, and more evidence rolls it back."
        );
        return (Tone::Asks, text);
    }
    match ramp.waits_for.as_str() {
        "incident" => {
            let text = format!(
                "Holding at {share}: blue is about as bad as green, so something affects both. The \
                 ramp continues by itself when that ends."
            );
            (Tone::Asks, text)
        }
        "unread" => {
            let gates = judgement.gates.iter();
            let on = names(gates.filter(|it| it.is_critical && it.verdict == "not_comparable"));
            let text = format!(
                "Holding at {share}: {on} cannot be compared, since the answers of one version \
                 tell less."
            );
            (Tone::Asks, text)
        }
        "approval" => {
            let next = ramp.steps.get(ramp.step + 1).map_or(10_000, |it| it.green_bp);
            let text = format!(
                "Green is safe so far at {share}: a person must let it on to {}.",
                SharePercent(next)
            );
            (Tone::Asks, text)
        }
        "nothing" => (Tone::Good, format!("Green is safe: the last step, {share}, is reached.")),
        "evidence" => {
            let (tone, holding) = match ramp.is_overdue {
                true => (Tone::Asks, "Overdue"),
                false => (Tone::Waits, "Holding"),
            };
            let on = inconclusive_gates(judgement);
            (tone, format!("{holding} at {share}: waits for evidence on {on}."))
        }
        _ => {
            let when = soon.map_or_else(|| "later".to_owned(), |soon| format!("in about {soon}"));
            let is_safe = judgement.verdict == "pass";
            let next = match ramp.steps.get(ramp.step + 1) {
                None => "and it is the last step".to_owned(),
                Some(_) if !is_safe => format!("the next decision comes {when}"),
                Some(step) if step.needs_approval => format!("a person must let it on {when}"),
                Some(_) => format!("the next step comes {when}"),
            };
            let begin = if is_safe {
                "Green is safe so far"
            } else {
                "Nothing speaks against green so far"
            };
            (Tone::Good, format!("{begin}: {share} of users are on it, {next}."))
        }
    }
}

fn rollback_reason(rollout: &RolloutView) -> String {
    let decision = rollout.decisions.iter().find(|it| it.to_phase == "rolled_back");
    // What a tripwire saw is in the log, and is of another time than what the gates saw.
    let is_by_gates = decision.is_none_or(|it| lead(&it.why).0 == "green is worse");
    let judgement = rollout.ramp.as_ref().and_then(|ramp| ramp.judgement.as_ref());
    let gates = judgement.filter(|_| is_by_gates).into_iter().flat_map(|it| &it.gates);
    let failed = gates.filter(|gate| gate.is_critical && gate.verdict == "fail");
    if let Some(gate) = failed.max_by(|a, b| a.worse.total_cmp(&b.worse)) {
        let (_, worse) = labels::metric(&gate.metric);
        return match (gate.green, gate.blue) {
            (Some(green), Some(blue)) => {
                let amount = |number| Amount { number, unit: &gate.unit, is_difference: false };
                format!("green had {worse} ({} against {})", amount(green), amount(blue))
            }
            _ => format!("green had {worse}"),
        };
    }
    let why = decision.map_or("all users are on blue", |it| it.why.as_str());
    short(lead(why).0.trim_end_matches('.'))
}

/// The gates that hold the ramp.
fn inconclusive_gates(judgement: &JudgementView) -> String {
    let gates = judgement.gates.iter();
    let names = names(gates.filter(|it| it.is_critical && it.verdict == "undecided"));
    if names.is_empty() { "green as a whole".into() } else { names }
}

/// Three of them at most.
fn names<'a>(gates: impl Iterator<Item = &'a GateView>) -> String {
    let names: Vec<_> =
        gates.map(|gate| labels::metric(&gate.metric).0.to_ascii_lowercase()).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [one, two] => format!("{one} and {two}"),
        [one, two, three] => format!("{one}, {two} and {three}"),
        [one, two, rest @ ..] => format!("{one}, {two} and {} more", rest.len()),
    }
}

/// The beginning of a text.
fn short(text: &str) -> String {
    match text.char_indices().nth(MAX_CHARS) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or(text).trim_end()),
        None => text.to_owned(),
    }
}
