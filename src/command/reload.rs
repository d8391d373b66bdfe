//! What a reload would do: who is moved, what begins again.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::output::{Stop, counted, percent};
use crate::assign::{Share, Version};
use crate::config::{Config, Plugin};
use crate::ramp::{Now, Phase, Settings, State};

/// Something that a reload does.
#[derive(Clone, Debug, Serialize)]
pub struct Effect {
    /// The field that was changed.
    pub field: String,
    /// What follows.
    pub what: String,
    /// The share of all users whom it throws back from green to blue, where that can be
    /// computed. Of a ramp of which it is not known where it stands: at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thrown_back: Option<f64>,
    /// The share of all users whom it moves either way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved: Option<f64>,
}

/// Both configurations, each with its text.
type Of<'a> = (&'a str, &'a Config);

/// What the reload of `new` in the place of `old` does. `step` is where the old one's ramp
/// stands, if that is known.
pub fn effects(old: &Of<'_>, new: &Of<'_>, step: Option<usize>) -> Result<Vec<Effect>, Stop> {
    let ((old_text, old), (new_text, new)) = (old, new);
    let before = shares_before(old, step)?;
    let mut effects = Vec::new();
    let is_renamed = old.rollout != new.rollout;
    let is_dealt_anew = is_renamed || old.unit != new.unit;
    if is_renamed {
        effects.push(renamed(old, new, &before));
    } else if old.unit != new.unit {
        effects.push(other_units(old, new, &before));
    }
    if !is_dealt_anew {
        effects.extend(shares(old, new, &before));
    }
    effects.extend(conversations(old, new));
    effects.extend(clusters(old, new));
    effects.extend(requests(old, new, is_renamed));
    effects.extend(pins(old_text, new_text, new));
    effects.extend(headers(old, new));
    if old.answers.is_some() && new.answers.is_none() {
        effects.push(Effect::of(
            "answers",
            "answers are not looked at any more: no outcome is counted",
        ));
    }
    Ok(effects)
}

/// The same where one of them is a console's.
pub fn of_console(old: &Plugin, new: &Plugin) -> Vec<Effect> {
    let what = match (old, new) {
        (Plugin::Console(from), Plugin::Console(to)) => {
            let lost: Vec<&str> =
                from.hosts.iter().filter(|it| !to.hosts.contains(it)).map(AsRef::as_ref).collect();
            let what = format!("nobody may ask for the page by {} any more", lost.join(", "));
            return (!lost.is_empty())
                .then(|| Effect::of("console.hosts", what))
                .into_iter()
                .collect();
        }
        (Plugin::Rollout(_), Plugin::Console(_)) => {
            "the console takes the place of a rollout: requests to this listener are answered with \
             the page, and reach no version"
        }
        (Plugin::Console(_), _) => {
            "a rollout takes the place of the console: the page is not there any more"
        }
        (Plugin::Rollout(_), Plugin::Rollout(_)) => return Vec::new(),
    };
    vec![Effect::of("role", what)]
}

/// A share that may be in force before the reload, and the step of a ramp that has it.
struct Before {
    share: Share,
    step: Option<usize>,
}

fn shares_before(old: &Config, step: Option<usize>) -> Result<Vec<Before>, Stop> {
    let Some(ramp) = &old.ramp else {
        return match step {
            None => Ok(vec![Before { share: old.share, step: None }]),
            Some(_) => {
                Err(Stop::Usage("--step is of a ramp, and the old file has weights".to_owned()))
            }
        };
    };
    let all = ramp.steps.iter().enumerate();
    let all = all.map(|(at, it)| Before { share: it.share, step: Some(at) });
    let found: Vec<_> = all.filter(|it| step.is_none() || it.step == step).collect();
    if found.is_empty() {
        let mend =
            format!("--step: the old file's ramp has the steps 0 to {}", ramp.steps.len() - 1);
        return Err(Stop::Usage(mend));
    }
    Ok(found)
}

/// The share that is in force after it, and why, if the ramp says so.
fn after(old: &Config, new: &Config, before: &Before) -> (Share, Option<String>) {
    match (&old.ramp, &new.ramp, before.step) {
        (_, Some(to), _) if old.rollout != new.rollout => (first_share(to), None),
        (Some(from), Some(to), Some(step)) => followed(from, to, step),
        (_, Some(to), _) => (first_share(to), None),
        (_, None, _) => (new.share, None),
    }
}

fn first_share(ramp: &Settings) -> Share {
    ramp.steps.first().map_or(Share::NONE, |it| it.share)
}

/// What the machine itself makes of other settings in this step.
fn followed(from: &Settings, to: &Settings, step: usize) -> (Share, Option<String>) {
    let now = Now { monotonic: 0, unix: 0 };
    let mut state = State::begin(&Settings { started: None, ..from.clone() }, now);
    state.step = step;
    if from.steps.get(step).is_some_and(|it| it.share.basis_points() == 10_000) {
        state.phase = Phase::Promoted;
    }
    let why = state.tick(to, now, &mut Vec::new()).into_iter().next().map(|it| it.why);
    (state.in_force(to).share, why)
}

/// Without what binary fractions leave of decimal ones.
fn rounded(share: f64) -> f64 {
    (share * 1e9).round() / 1e9
}

/// Of users who are dealt anew, by an independent hash: who was on green and is on blue,
/// and who changes at all.
fn dealt_anew(before: f64, after: f64) -> (f64, f64) {
    let back = before * (1.0 - after);
    (rounded(back), rounded(back + after * (1.0 - before)))
}

/// The worst that may come to pass.
fn worst(old: &Config, new: &Config, before: &[Before]) -> (f64, f64) {
    let each =
        before.iter().map(|it| dealt_anew(it.share.fraction(), after(old, new, it).0.fraction()));
    each.fold((0.0, 0.0), |(back, moved), it| (back.max(it.0), moved.max(it.1)))
}

/// "At most", where it is not known where the ramp stands.
fn at_most(before: &[Before]) -> &'static str {
    if before.len() > 1 { "at most " } else { "" }
}

fn renamed(old: &Config, new: &Config, before: &[Before]) -> Effect {
    let (back, moved) = worst(old, new, before);
    let ramp = if new.ramp.is_some() { "; the ramp begins with its first step" } else { "" };
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

fn other_units(old: &Config, new: &Config, before: &[Before]) -> Effect {
    if new.unit.starts_with(&old.unit) {
        let what = "a source is added at the end: requests that had no unit and have one now are \
                    dealt by it; all others stay";
        return Effect::of("unit", what);
    }
    let (back, moved) = worst(old, new, before);
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
/// between the two shares are exactly those who move.
fn shares(old: &Config, new: &Config, before: &[Before]) -> Vec<Effect> {
    let field = if new.ramp.is_some() { "ramp" } else { "weights" };
    let mut effects: Vec<(Vec<usize>, Effect)> = Vec::new();
    for it in before {
        let (share, why) = after(old, new, it);
        let (from, to) = (it.share.fraction(), share.fraction());
        let back = rounded((from - to).max(0.0));
        let mut told = Vec::new();
        match (&old.ramp, &new.ramp) {
            (None, Some(_)) => {
                told.push("a ramp takes the place of weights, and begins".to_owned())
            }
            (Some(_), None) => told.push(
                "weights by hand take the place of the ramp, and its state is not looked at"
                    .to_owned(),
            ),
            _ => told.extend(why),
        }
        if back > 0.0 {
            told.push(format!(
                "green's share goes from {} to {}: {} of all users go back to blue",
                percent(from),
                percent(to),
                percent(back)
            ));
        }
        if told.is_empty() {
            continue;
        }
        let effect = Effect {
            thrown_back: (back > 0.0).then_some(back),
            moved: (from != to).then_some(rounded((from - to).abs())),
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

fn conversations(old: &Config, new: &Config) -> Vec<Effect> {
    let field = "conversation";
    let (from, to) = match (&old.conversation, &new.conversation) {
        (None, None) => return Vec::new(),
        (None, Some(_)) => {
            let what = "the conversation's id takes the user's place: whoever has a conversation \
                        under way is dealt anew by its id";
            return vec![Effect::of(field, what)];
        }
        (Some(_), None) => {
            let what = "the user takes the place of the conversation's id: conversations under way \
                        are dealt anew by their user";
            return vec![Effect::of(field, what)];
        }
        (Some(from), Some(to)) => (from, to),
    };
    let mut effects = Vec::new();
    if (&from.ids, &from.pointers) != (&to.ids, &to.pointers) {
        let what = "the id is looked for elsewhere: conversations that have another id now are dealt \
                    anew";
        effects.push(Effect::of("conversation.id", what));
    }
    if !from.markers.iter().all(|it| to.markers.contains(it)) {
        let what = "a marker is not looked at any more: conversations whose beginning it told are \
                    taken to begin now, and go by the weights of now";
        effects.push(Effect::of("conversation.marker", what));
    }
    if to.max_age_ms < from.max_age_ms {
        let what = "conversations older than the new max_age go by the weights of now";
        effects.push(Effect::of("conversation.drain.max_age", what));
    }
    if from.may_finish && !to.may_finish {
        let what = "after a rollback conversations on green do not end there any more";
        effects.push(Effect::of("conversation.on_rollback", what));
    }
    effects
}

fn clusters(old: &Config, new: &Config) -> Vec<Effect> {
    let mut effects = Vec::new();
    for version in Version::ALL {
        let (from, to) = (old.cluster(version), new.cluster(version));
        if from != to {
            let what = format!("{version}'s requests go to {to} from now on, and not to {from}");
            effects.push(Effect::of(format!("versions.{version}.cluster"), what));
        }
    }
    if old.default_cluster != new.default_cluster {
        let what = format!(
            "Envoy's early header mutation is to put {} from now on, and not {}; as long as it does \
             not, requests for {} go to what it puts",
            new.default_cluster, old.default_cluster, new.default_cluster
        );
        effects.push(Effect::of("default_cluster", what));
    }
    effects
}

fn requests(old: &Config, new: &Config, is_renamed: bool) -> Vec<Effect> {
    let is_other = |version| old.request(version) != new.request(version);
    let changed = Version::ALL.into_iter().filter(|version| is_other(*version));
    let ramp = match &new.ramp {
        Some(_) if !is_renamed && old.ramp.is_some() => {
            "; the ramp does not see this, and goes on with the evidence of before: give restart \
             another text"
        }
        _ => "",
    };
    let effect = |version: Version| {
        let what = format!(
            "{version} changes its requests otherwise, at once and for all its users{ramp}"
        );
        Effect::of(format!("versions.{version}.request"), what)
    };
    changed.map(effect).collect()
}

/// Whom a pin held where nothing holds them any more.
fn pins(old: &str, new: &str, config: &Config) -> Vec<Effect> {
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let (old, new) = (json(old), json(new));
    let mut effects = Vec::new();
    for version in Version::ALL {
        let units =
            |of: &Value| of["pins"][version.as_str()].as_array().cloned().unwrap_or_default();
        let (from, to) = (units(&old), units(&new));
        let lost = from.iter().filter(|it| !to.contains(it)).filter_map(Value::as_str);
        let lost: Vec<&str> = lost.collect();
        if lost.is_empty() {
            continue;
        }
        let other = lost.iter().filter(|it| config.pins.find(it.as_bytes()).is_some()).count();
        let shown = lost.iter().take(5).copied().collect::<Vec<_>>().join(", ");
        let more = if lost.len() > 5 { ", …" } else { "" };
        let place =
            if other > 0 { format!(", {other} to the other version") } else { String::new() };
        let what = format!(
            "{} not held on {version} any more ({shown}{more}){place}: the others go by their place",
            counted(lost.len(), "unit")
        );
        effects.push(Effect::of(format!("pins.{version}"), what));
    }
    effects
}

fn headers(old: &Config, new: &Config) -> Vec<Effect> {
    let mut effects = Vec::new();
    match (&old.force_header, &new.force_header) {
        (Some(from), None) => {
            let what = format!("nobody can force a version by {from} any more");
            effects.push(Effect::of("force_header", what));
        }
        (Some(from), Some(to)) if from != to => {
            let what = format!("a version is forced by {to}, and not by {from} any more");
            effects.push(Effect::of("force_header", what));
        }
        _ => {}
    }
    let own = [
        ("cluster_header", &old.cluster_header, &new.cluster_header),
        ("version_header", &old.version_header, &new.version_header),
    ];
    for (field, from, to) in own.into_iter().filter(|(_, from, to)| from != to) {
        let what = format!(
            "{from} becomes {to}: Envoy's bootstrap must name it too, in early header mutation and \
             route, or green's users go to what stands in {from}"
        );
        effects.push(Effect::of(field, what));
    }
    effects
}

// === impl Effect ===

impl Effect {
    fn of(field: impl Into<String>, what: impl Into<String>) -> Self {
        Self { field: field.into(), what: what.into(), thrown_back: None, moved: None }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.what)
    }
}
