//! The first line: whether the release is fine, in words.

use super::decisions::lead;
use super::figures::{Amount, Share};
use super::time::Spell;
use super::view::{GateView, JudgementView, RampView, RolloutView};
use super::words;

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
const LONGEST: usize = 140;

/// What is to be said first of a rollout.
pub fn headline(rollout: &RolloutView) -> Headline {
    let (tone, text) = say(rollout);
    Headline { tone, text }
}

fn say(rollout: &RolloutView) -> (Tone, String) {
    let share = Share(rollout.green_bp);
    let order = rollout.order.as_ref().map(|order| (order.order.as_str(), short(&order.reason)));
    if rollout.phase == "rolled_back" {
        let text = match order {
            Some((_, reason)) => format!("Rolled back by hand: {reason}"),
            None => format!("Rolled back: {}.", why_rolled_back(rollout)),
        };
        return (Tone::Bad, text);
    }
    if let Some(problem) = rollout.problems.iter().find(|it| it.is_severe) {
        let what = short(problem.what.trim_end_matches('.'));
        return (Tone::Bad, format!("Green is not known to be safe: {what}."));
    }
    match (rollout.phase.as_str(), order, &rollout.ramp) {
        ("promoted", Some((_, reason)), _) => (Tone::Good, format!("Promoted by hand: {reason}")),
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
            "Paused on blue: the ramp's state was lost in a restart, and a person must begin it \
             again."
                .into(),
        ),
        ("paused", None, _) => {
            (Tone::Asks, format!("Paused by the configuration at {share} on green."))
        }
        (_, _, Some(ramp)) => under_way(rollout, ramp),
        (phase, _, None) => (Tone::Unknown, format!("Green has {share}: {}.", words::phase(phase))),
    }
}

/// Of a ramp that goes on by itself.
fn under_way(rollout: &RolloutView, ramp: &RampView) -> (Tone, String) {
    let share = Share(rollout.green_bp);
    let Some(judgement) = &ramp.judgement else {
        return (Tone::Unknown, format!("Green has {share}, and nothing to be compared with."));
    };
    let soon = ramp.about_s.map(Spell);
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
        let since = Spell(ramp.in_step_s);
        return (Tone::Unknown, format!("Nothing is known yet: {of} in this step, for {since}."));
    }
    if judgement.worse >= MAY_BE_WORSE {
        let worst = judgement.gates.iter().filter(|it| it.is_critical && it.worse >= MAY_BE_WORSE);
        let names = names(worst);
        let at = if names.is_empty() { String::new() } else { format!(" on {names}") };
        let text = format!(
            "Green may be worse{at}: {share} of users are on it, and more evidence rolls it back."
        );
        return (Tone::Asks, text);
    }
    match ramp.waits_for.as_str() {
        "approval" => {
            let next = ramp.steps.get(ramp.step + 1).map_or(10_000, |it| it.green_bp);
            let text = format!(
                "Green is safe so far at {share}: a person must let it on to {}.",
                Share(next)
            );
            (Tone::Asks, text)
        }
        "nothing" => (Tone::Good, format!("Green is safe: the last step, {share}, is reached.")),
        "evidence" => {
            let (tone, holding) = match ramp.is_overdue {
                true => (Tone::Asks, "Overdue"),
                false => (Tone::Waits, "Holding"),
            };
            let on = undecided(judgement);
            (tone, format!("{holding} at {share}: waits for evidence on {on}."))
        }
        _ => {
            let (begin, what) = match judgement.verdict.as_str() {
                "pass" => ("Green is safe so far", "step"),
                _ => ("Nothing speaks against green so far", "decision"),
            };
            let next = match soon {
                Some(soon) => format!("the next {what} comes in about {soon}"),
                None => format!("the next {what} is still to come"),
            };
            (Tone::Good, format!("{begin}: {share} of users are on it, {next}."))
        }
    }
}

fn why_rolled_back(rollout: &RolloutView) -> String {
    let judgement = rollout.ramp.as_ref().and_then(|ramp| ramp.judgement.as_ref());
    let gates = judgement.into_iter().flat_map(|it| &it.gates);
    let failed = gates.filter(|gate| gate.is_critical && gate.verdict == "fail");
    if let Some(gate) = failed.max_by(|a, b| a.worse.total_cmp(&b.worse)) {
        let (_, worse) = words::metric(&gate.metric);
        return match (gate.green, gate.blue) {
            (Some(green), Some(blue)) => {
                let amount = |number| Amount { number, unit: &gate.unit, is_difference: false };
                format!("green had {worse} ({} against {})", amount(green), amount(blue))
            }
            _ => format!("green had {worse}"),
        };
    }
    let decision = rollout.decisions.iter().find(|it| it.to_phase == "rolled_back");
    let why = decision.map_or("all users are on blue", |it| it.why.as_str());
    short(lead(why).0.trim_end_matches('.'))
}

/// The gates that hold the ramp.
fn undecided(judgement: &JudgementView) -> String {
    let gates = judgement.gates.iter();
    let names = names(gates.filter(|it| it.is_critical && it.verdict == "undecided"));
    if names.is_empty() { "green as a whole".into() } else { names }
}

/// Three of them at most.
fn names<'a>(gates: impl Iterator<Item = &'a GateView>) -> String {
    let names: Vec<_> =
        gates.map(|gate| words::metric(&gate.metric).0.to_ascii_lowercase()).collect();
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
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or(text).trim_end()),
        None => text.to_owned(),
    }
}
