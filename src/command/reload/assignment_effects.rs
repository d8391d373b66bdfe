//! How a reload changes assignments: users who move, pins, and the state of the ramp.

use std::time::Duration;

use serde_json::Value;

use super::effect::Effect;
use super::stage::{ShareBefore, Stage, stages_text};
use crate::analysis::StepIndex;
use crate::assignment::{RollbackPolicy, Share, Version};
use crate::command::output::{percent, pluralized};
use crate::config::Config;
use crate::rollout::{Clocks, HoldReason, Phase, RampSpec, RampState, SpecFingerprint};

/// The share in force after the reload.
struct ShareAfter {
    share: Share,
    /// What the ramp's controller does, if it changes something.
    why: Option<String>,
}

/// The users that a reassignment moves, as shares of all users from 0 to 1.
#[derive(Clone, Copy, Default)]
struct MovedUsers {
    /// From green back to blue.
    back: f64,
    /// In either direction.
    total: f64,
}

/// The share in force after the reload, by the filter's own controller.
fn share_after(old: &Config, new: &Config, before: &ShareBefore, now: Clocks) -> ShareAfter {
    match (&old.ramp, &new.ramp, before.stage) {
        (_, Some(to), _) if old.rollout != new.rollout || leaves_fleet(old, new) => {
            new_ramp(to, now)
        }
        (Some(from), Some(to), Some(stage)) => changed_ramp(from, to, stage),
        (_, Some(to), _) => new_ramp(to, now),
        (_, None, _) => ShareAfter { share: new.share, why: None },
    }
}

/// Whether the ramp is the fleet's before the reload, and this Envoy's own after it. That one has its state under
/// another name.
fn leaves_fleet(old: &Config, new: &Config) -> bool {
    old.fleet.is_some() && new.fleet.is_none() && new.ramp.is_some()
}

/// A clause of what a running ramp does not notice, if it continues with its evidence after the reload.
pub(super) fn unnoticed_by_ramp(old: &Config, new: &Config) -> &'static str {
    let (Some(from), Some(to)) = (&old.ramp, &new.ramp) else { return "" };
    let is_same = old.rollout == new.rollout && !leaves_fleet(old, new);
    let is_restarted = from.restart != to.restart || to.is_rolled_back;
    if is_same && !is_restarted && SpecFingerprint::new(from) == SpecFingerprint::new(to) {
        "; the ramp does not notice, and continues with earlier evidence: change ramp.restart"
    } else {
        ""
    }
}

/// Why a new or restarted ramp does not start.
const STAYS_ROLLED_BACK: &str =
    "it does not start: ramp.rolled_back is true, so all users stay on blue until it is removed";

/// A ramp without a state.
fn new_ramp(ramp: &RampSpec, now: Clocks) -> ShareAfter {
    let state = RampState::new(ramp, now);
    let why = match state.hold_reason {
        _ if ramp.is_rolled_back => STAYS_ROLLED_BACK,
        HoldReason::StateLost => {
            "it does not start: it started earlier by ramp.started, and has no state, so it waits on \
             blue (state_lost) until ramp.restart changes; for it to start, write the time of the reload \
             into ramp.started"
        }
        _ if state.is_baseline() => "it starts with its baseline",
        _ if state.is_shadow_step() => "it starts with its shadow step",
        _ => "it starts with its first step",
    };
    ShareAfter { share: state.snapshot(ramp).share, why: Some(why.to_owned()) }
}

/// A ramp in this stage whose spec changes.
fn changed_ramp(from: &RampSpec, to: &RampSpec, stage: Stage) -> ShareAfter {
    let now = Clocks { monotonic_ns: 0, unix_ms: 0 };
    let from_spec = RampSpec { started: None, ..from.clone() };
    let mut state = match stage {
        Stage::Baseline => RampState::new(&from_spec, now),
        Stage::ShadowStep => {
            RampState::new(&RampSpec { baseline: Duration::ZERO, ..from_spec }, now)
        }
        Stage::Step(step) => RampState::in_step(&from_spec, StepIndex::new(step), now),
    };
    let is_last = |step: usize| from.steps.get(step).is_some_and(|it| it.share == Share::ALL);
    if matches!(stage, Stage::Step(step) if is_last(step)) {
        state.phase = Phase::Promoted;
    }
    let why = state.reconcile(to, now, &[]).into_iter().next().map(|it| match to.is_rolled_back {
        true => STAYS_ROLLED_BACK.to_owned(),
        false => it.why,
    });
    ShareAfter { share: state.snapshot(to).share, why }
}

/// Rounds away the error of binary fractions.
fn rounded(share: f64) -> f64 {
    (share * 1e9).round() / 1e9
}

// === impl MovedUsers ===

impl MovedUsers {
    /// The users who move when all are reassigned by an independent hash.
    fn by_reassignment(before: f64, after: f64) -> Self {
        let back = before * (1.0 - after);
        Self { back: rounded(back), total: rounded(back + after * (1.0 - before)) }
    }

    /// The maximum over all shares that may be in force before.
    fn worst_case(old: &Config, new: &Config, before: &[ShareBefore], now: Clocks) -> Self {
        let after = |it| share_after(old, new, it, now).share.fraction();
        let each = before.iter().map(|it| Self::by_reassignment(it.share.fraction(), after(it)));
        each.fold(Self::default(), |worst, it| Self {
            back: worst.back.max(it.back),
            total: worst.total.max(it.total),
        })
    }

    /// The effect of a reassignment; `is_exact` if the share before it is known.
    fn effect(self, field: &str, cause: &str, is_exact: bool, consequence: &str) -> Effect {
        let Self { back, total } = self;
        let at_most = if is_exact { "" } else { "at most " };
        let what = format!(
            "{cause}; {at_most}{} of them move from green back to blue, and {at_most}{} change their \
             version{consequence}",
            percent(back),
            percent(total),
        );
        Effect { thrown_back: Some(back), moved: Some(total), ..Effect::new(field, what) }
    }
}

/// The effect of another rollout name, which is the salt of the hash.
pub(super) fn renamed(old: &Config, new: &Config, before: &[ShareBefore], now: Clocks) -> Effect {
    let ramp = new.ramp.as_ref().and_then(|ramp| new_ramp(ramp, now).why);
    let ramp = ramp.map_or_else(String::new, |why| format!("; the ramp: {why}"));
    let cause = format!(
        "{:?} becomes {:?}, which changes the hash: all users are reassigned",
        old.rollout.as_str(),
        new.rollout.as_str(),
    );
    let consequence = format!("; counters start from 0{ramp}");
    let moved = MovedUsers::worst_case(old, new, before, now);
    moved.effect("rollout", &cause, before.len() == 1, &consequence)
}

/// The effect of other sources of the unit.
pub(super) fn unit_sources(
    old: &Config,
    new: &Config,
    before: &[ShareBefore],
    now: Clocks,
) -> Option<Effect> {
    if old.unit == new.unit {
        return None;
    }
    if new.unit.starts_with(&old.unit) {
        let what = "a source is added at the end: requests that had no unit and have one now are \
                    assigned by it; all others keep their version";
        return Some(Effect::new("unit", what));
    }
    let cause = "the unit has other sources: users whose unit changes are reassigned";
    let moved = MovedUsers::worst_case(old, new, before, now);
    Some(moved.effect("unit", cause, before.len() == 1, unnoticed_by_ramp(old, new)))
}

/// The effects on green's share and on the ramp, by step of the old ramp. Buckets stay, so exactly
/// the users between both shares move. Current conversations keep their version, unless green's
/// share becomes 0 and they may not finish there.
pub(super) fn shares(
    old: &Config,
    new: &Config,
    before: &[ShareBefore],
    now: Clocks,
) -> Vec<Effect> {
    if let Some(effect) = rollback(old, new, before) {
        return vec![effect];
    }
    // Stages with the same effect are reported together.
    let mut effects: Vec<(Vec<Stage>, Effect)> = Vec::new();
    for share_before in before {
        let Some(effect) = share_effect(old, new, share_before, now) else { continue };
        match effects.iter_mut().find(|(_, other)| other.what == effect.what) {
            Some((stages, _)) => stages.extend(share_before.stage),
            None => effects.push((share_before.stage.into_iter().collect(), effect)),
        }
    }
    let is_ramp = before.iter().any(|it| it.stage.is_some());
    let with_stages = |(stages, effect): (Vec<Stage>, Effect)| {
        if !is_ramp || stages.len() == before.len() {
            return effect;
        }
        Effect { what: format!("in {}: {}", stages_text(&stages), effect.what), ..effect }
    };
    effects.into_iter().map(with_stages).collect()
}

/// The effect of `ramp.rolled_back`, if the reload sets it. It is the same in all steps.
fn rollback(old: &Config, new: &Config, before: &[ShareBefore]) -> Option<Effect> {
    let is_rolled_back = |it: &Config| it.ramp.as_ref().is_some_and(|ramp| ramp.is_rolled_back);
    if !is_rolled_back(new) || is_rolled_back(old) {
        return None;
    }
    let conversations = old.conversation.as_ref().and(new.conversation.as_ref());
    let may_finish = conversations.is_some_and(|it| it.on_rollback == RollbackPolicy::Finish);
    let mut what = "the configuration rolls the ramp back: all users move to blue".to_owned();
    if may_finish {
        what += ", and current conversations on green finish there";
    }
    let most = before.iter().map(|it| it.share.fraction()).fold(0.0, f64::max);
    let moved = (most > 0.0 && !may_finish).then_some(rounded(most));
    Some(Effect { thrown_back: moved, moved, ..Effect::new("ramp", what) })
}

/// The effect of a reload that takes the filter out.
pub(super) fn taken_out(before: &[ShareBefore]) -> Effect {
    let most = before.iter().map(|it| it.share.fraction()).fold(0.0, f64::max);
    let at_most = if before.len() == 1 { "" } else { "at most " };
    let moved = match most {
        0.0 => String::new(),
        _ => format!("; {at_most}{} of all users move back to blue", percent(most)),
    };
    let what = format!("the filter is out: all users are on blue{moved}");
    let moved = (most > 0.0).then_some(rounded(most));
    Effect { thrown_back: moved, moved, ..Effect::new("resources", what) }
}

/// The effect on one share.
fn share_effect(old: &Config, new: &Config, before: &ShareBefore, now: Clocks) -> Option<Effect> {
    let conversations = old.conversation.as_ref().and(new.conversation.as_ref());
    let ShareAfter { share, why } = share_after(old, new, before, now);
    let keep_version = conversations
        .is_some_and(|it| it.on_rollback == RollbackPolicy::Finish || !share.is_zero());
    let (from, to) = (before.share.fraction(), share.fraction());
    let moved = rounded((from - to).abs());
    let mut parts = Vec::new();
    match (&old.ramp, &new.ramp) {
        (None, Some(_)) => {
            parts.push("a ramp replaces the weights".to_owned());
            parts.extend(why);
        }
        (Some(_), None) => {
            parts.push("weights replace the ramp, whose state is ignored".to_owned());
        }
        _ => {
            let own = "this Envoy begins a ramp of its own in the place of the fleet's";
            parts.extend(leaves_fleet(old, new).then(|| own.to_owned()));
            parts.extend(why);
        }
    }
    // A larger share for green is what a rollout is for, and no reason for a warning.
    let is_intended = parts.is_empty() && to > from;
    if from != to {
        let change = format!("green's share changes from {} to {}", percent(from), percent(to));
        let who = if conversations.is_some() { "conversations" } else { "users" };
        let moved = percent(moved);
        parts.push(match (keep_version, to < from) {
            (true, _) => format!(
                "{change} for new conversations and for requests without one; current conversations \
                 keep their version"
            ),
            (false, true) => format!("{change}: {moved} of all {who} move back to blue"),
            (false, false) => format!("{change}: {moved} of all {who} move to green"),
        });
    }
    if parts.is_empty() {
        return None;
    }
    let field = if new.ramp.is_some() { "ramp" } else { "weights" };
    Some(Effect {
        is_intended,
        thrown_back: (moved > 0.0 && to < from && !keep_version).then_some(moved),
        moved: (from != to && !keep_version).then_some(moved),
        ..Effect::new(field, parts.join("; "))
    })
}

/// The effects of other pins: units that are pinned now, and units that no longer are.
pub(super) fn pins(old: &str, new: &str, config: &Config) -> Vec<Effect> {
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let (old, new) = (json(old), json(new));
    let mut effects = Vec::new();
    for version in Version::ALL {
        let units = |config: &Value| {
            let units = config.get("pins").and_then(|it| it.get(version.as_str()));
            units.and_then(Value::as_array).cloned().unwrap_or_default()
        };
        let (from, to) = (units(&old), units(&new));
        let difference = |all: &[Value], others: &[Value]| {
            let all = all.iter().filter(|it| !others.contains(it)).filter_map(Value::as_str);
            all.map(str::to_owned).collect::<Vec<_>>()
        };
        let field = format!("pins.{version}");
        let (added, removed) = (difference(&to, &from), difference(&from, &to));
        if !added.is_empty() {
            let what = format!(
                "{} pinned to {version} ({}): those on the other version move immediately",
                pluralized(added.len(), "unit"),
                first_units(&added)
            );
            effects.push(Effect::new(field.clone(), what));
        }
        if !removed.is_empty() {
            let is_pinned = |it: &&String| config.pins.find(it.as_bytes()).is_some();
            let repinned = removed.iter().filter(is_pinned).count();
            let repinned = match repinned {
                0 => String::new(),
                count => format!(", {count} of them to the other version"),
            };
            let what = format!(
                "{} no longer pinned to {version} ({}){repinned}: units without a pin are assigned by \
                 their bucket",
                pluralized(removed.len(), "unit"),
                first_units(&removed)
            );
            effects.push(Effect::new(field, what));
        }
    }
    effects
}

fn first_units(units: &[String]) -> String {
    const SHOWN: usize = 5;
    let more = if units.len() > SHOWN { ", …" } else { "" };
    let shown: Vec<&str> = units.iter().take(SHOWN).map(String::as_str).collect();
    shown.join(", ") + more
}
