//! Who is dealt what after a reload: users who are moved, and the ramp that begins again.

use serde_json::Value;

use super::Effect;
use crate::analysis::StepIndex;
use crate::assignment::{Share, Version};
use crate::command::output::{CliError, counted, percent};
use crate::config::Config;
use crate::rollout::{Clocks, HoldReason, Phase, RampSpec, RampState};

/// A share that may be in force before the reload, and the step of a ramp that has it.
pub(super) struct ShareBefore {
    share: Share,
    step: Option<usize>,
}

pub(super) fn shares_before(
    old: &Config,
    step: Option<usize>,
) -> Result<Vec<ShareBefore>, CliError> {
    let Some(ramp) = &old.ramp else {
        return match step {
            None => Ok(vec![ShareBefore { share: old.share, step: None }]),
            Some(_) => {
                Err(CliError::Usage("--step is of a ramp, and the old file has weights".to_owned()))
            }
        };
    };
    let all = ramp.steps.iter().enumerate();
    let all = all.map(|(at, it)| ShareBefore { share: it.share, step: Some(at) });
    let found: Vec<_> = all.filter(|it| step.is_none() || it.step == step).collect();
    if found.is_empty() {
        let mend =
            format!("--step: the old file's ramp has the steps 0 to {}", ramp.steps.len() - 1);
        return Err(CliError::Usage(mend));
    }
    Ok(found)
}

/// The share that is in force after it, and why, if the ramp says so.
fn after(old: &Config, new: &Config, before: &ShareBefore, now: Clocks) -> (Share, Option<String>) {
    match (&old.ramp, &new.ramp, before.step) {
        (_, Some(to), _) if old.rollout != new.rollout => begun(to, now),
        (Some(from), Some(to), Some(step)) => followed(from, to, step),
        (_, Some(to), _) => begun(to, now),
        (_, None, _) => (new.share, None),
    }
}

/// What the machine itself makes of a ramp of which it knows nothing.
fn begun(ramp: &RampSpec, now: Clocks) -> (Share, Option<String>) {
    let state = RampState::new(ramp, now);
    let why = match state.hold_reason {
        HoldReason::StateLost => {
            "it does not begin: by ramp.started it began earlier, and nothing is known of it, so it \
             waits on blue (state_lost) until restart has another text"
        }
        _ => "it begins with its first step",
    };
    (state.snapshot(ramp).share, Some(why.to_owned()))
}

/// What the machine itself makes of other settings in this step.
fn followed(from: &RampSpec, to: &RampSpec, step: usize) -> (Share, Option<String>) {
    let now = Clocks { monotonic_ns: 0, unix_ms: 0 };
    let mut state = RampState::new(&RampSpec { started: None, ..from.clone() }, now);
    state.step = StepIndex::new(step);
    if from.steps.get(step).is_some_and(|it| it.share.basis_points() == 10_000) {
        state.phase = Phase::Promoted;
    }
    let why = state.reconcile(to, now, &[]).into_iter().next().map(|it| it.why);
    (state.snapshot(to).share, why)
}

/// Without what binary fractions leave of decimal ones.
fn rounded(share: f64) -> f64 {
    (share * 1e9).round() / 1e9
}

/// Of users who are dealt anew, by an independent hash: who was on green and is on blue,
/// and who changes at all.
fn reassigned_shares(before: f64, after: f64) -> (f64, f64) {
    let back = before * (1.0 - after);
    (rounded(back), rounded(back + after * (1.0 - before)))
}

/// The worst that may come to pass.
fn worst(old: &Config, new: &Config, before: &[ShareBefore], now: Clocks) -> (f64, f64) {
    let after = |it| after(old, new, it, now).0.fraction();
    let each = before.iter().map(|it| reassigned_shares(it.share.fraction(), after(it)));
    each.fold((0.0, 0.0), |(back, moved), it| (back.max(it.0), moved.max(it.1)))
}

/// "At most", where it is not known where the ramp stands.
fn at_most(before: &[ShareBefore]) -> &'static str {
    if before.len() > 1 { "at most " } else { "" }
}

pub(super) fn renamed(old: &Config, new: &Config, before: &[ShareBefore], now: Clocks) -> Effect {
    let (back, moved) = worst(old, new, before, now);
    let ramp = new.ramp.as_ref().and_then(|ramp| begun(ramp, now).1);
    let ramp = ramp.map_or_else(String::new, |why| format!("; of the ramp: {why}"));
    let what = format!(
        "{:?} becomes {:?}, another salt: all users are dealt anew, {}{} of them go from green back \
         to blue and {}{} change their version; counters begin anew{ramp}",
        old.rollout.as_str(),
        new.rollout.as_str(),
        at_most(before),
        percent(back),
        at_most(before),
        percent(moved),
    );
    Effect { thrown_back: Some(back), moved: Some(moved), ..Effect::of("rollout", what) }
}

pub(super) fn other_units(
    old: &Config,
    new: &Config,
    before: &[ShareBefore],
    now: Clocks,
) -> Effect {
    if new.unit.starts_with(&old.unit) {
        let what = "a source is added at the end: requests that had no unit and have one now are \
                    dealt by it; all others keep their place";
        return Effect::of("unit", what);
    }
    let (back, moved) = worst(old, new, before, now);
    let what = format!(
        "the unit is looked for elsewhere: whoever has another unit now is dealt anew, and of them \
         {}{} go from green back to blue and {}{} change their version",
        at_most(before),
        percent(back),
        at_most(before),
        percent(moved),
    );
    Effect { thrown_back: Some(back), moved: Some(moved), ..Effect::of("unit", what) }
}

/// What becomes of green's share, and of the ramp. A unit's place stays, so the users
/// between the two shares are exactly those who move. Conversations under way keep their
/// version, unless green's share becomes nothing and they are not to end there.
pub(super) fn shares(
    old: &Config,
    new: &Config,
    before: &[ShareBefore],
    now: Clocks,
) -> Vec<Effect> {
    let conversations = old.conversation.as_ref().and(new.conversation.as_ref());
    let field = if new.ramp.is_some() { "ramp" } else { "weights" };
    let mut effects: Vec<(Vec<usize>, Effect)> = Vec::new();
    for it in before {
        let (share, why) = after(old, new, it, now);
        let is_kept = conversations.is_some_and(|it| it.may_finish || !share.is_zero());
        let (from, to) = (it.share.fraction(), share.fraction());
        let back = rounded((from - to).max(0.0));
        let mut told = Vec::new();
        match (&old.ramp, &new.ramp) {
            (None, Some(_)) => {
                told.push("a ramp takes the place of weights".to_owned());
                told.extend(why);
            }
            (Some(_), None) => told.push(
                "weights by hand take the place of the ramp, and its state is not looked at"
                    .to_owned(),
            ),
            _ => told.extend(why),
        }
        // More for green is what a rollout is for, and nothing to warn of.
        let is_meant = told.is_empty() && to > from;
        if from != to {
            let change = format!("green's share goes from {} to {}", percent(from), percent(to));
            let whom = if conversations.is_some() { "conversations" } else { "users" };
            let moved = percent(rounded((from - to).abs()));
            told.push(match (is_kept, back > 0.0) {
                (true, _) => format!(
                    "{change} of new conversations, and of users whose requests name none; \
                     conversations under way keep their version"
                ),
                (false, true) => format!("{change}: {moved} of all {whom} go back to blue"),
                (false, false) => format!("{change}: {moved} of all {whom} go to green"),
            });
        }
        if told.is_empty() {
            continue;
        }
        let effect = Effect {
            is_meant,
            thrown_back: (back > 0.0 && !is_kept).then_some(back),
            moved: (from != to && !is_kept).then_some(rounded((from - to).abs())),
            ..Effect::of(field, told.join("; "))
        };
        // What is the same in several steps is told once.
        match effects.iter_mut().find(|(_, other)| other.what == effect.what) {
            Some((steps, _)) => steps.extend(it.step),
            None => effects.push((it.step.into_iter().collect(), effect)),
        }
    }
    let with_steps = |(steps, effect): (Vec<usize>, Effect)| {
        if steps.len() == before.len() {
            return effect;
        }
        let word = if steps.len() == 1 { "step" } else { "steps" };
        let steps = steps.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
        Effect { what: format!("in {word} {steps}: {}", effect.what), ..effect }
    };
    let is_of_ramp = before.iter().any(|it| it.step.is_some());
    effects.into_iter().map(|it| if is_of_ramp { with_steps(it) } else { it.1 }).collect()
}

/// Whom a pin holds from now on, and whom it held where nothing holds them any more.
pub(super) fn pins(old: &str, new: &str, config: &Config) -> Vec<Effect> {
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let (old, new) = (json(old), json(new));
    let mut effects = Vec::new();
    for version in Version::ALL {
        let units = |of: &Value| {
            let units = of.get("pins").and_then(|it| it.get(version.as_str()));
            units.and_then(Value::as_array).cloned().unwrap_or_default()
        };
        let (from, to) = (units(&old), units(&new));
        let of_one = |all: &[Value], others: &[Value]| {
            let all = all.iter().filter(|it| !others.contains(it)).filter_map(Value::as_str);
            all.map(str::to_owned).collect::<Vec<_>>()
        };
        let field = format!("pins.{version}");
        let (won, lost) = (of_one(&to, &from), of_one(&from, &to));
        if !won.is_empty() {
            let what = format!(
                "{} held on {version} from now on ({}): whoever of them was elsewhere goes there at \
                 once",
                counted(won.len(), "unit"),
                first_of(&won)
            );
            effects.push(Effect::of(field.clone(), what));
        }
        if !lost.is_empty() {
            let other = lost.iter().filter(|it| config.pins.find(it.as_bytes()).is_some()).count();
            let place =
                if other > 0 { format!(", {other} to the other version") } else { String::new() };
            let what = format!(
                "{} not held on {version} any more ({}){place}: the others go by their place",
                counted(lost.len(), "unit"),
                first_of(&lost)
            );
            effects.push(Effect::of(field, what));
        }
    }
    effects
}

fn first_of(units: &[String]) -> String {
    const SHOWN: usize = 5;
    let more = if units.len() > SHOWN { ", …" } else { "" };
    let shown: Vec<&str> = units.iter().take(SHOWN).map(String::as_str).collect();
    shown.join(", ") + more
}
