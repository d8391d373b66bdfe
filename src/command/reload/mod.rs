//! What a reload would do: who is moved, what begins again.
//!
//! | file | concept |
//! |---|---|
//! | `dealing` | who is dealt what, and the ramp that begins again |
//! | `ways` | where requests go, and how |

mod assignment_effects;
mod routing_effects;

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::output::{CliError, DOUBTFUL, HEAD, styled};
use crate::config::{Config, Plugin};
use crate::rollout::Clocks;
use crate::rollout::SpecFingerprint;

/// Something that a reload does.
#[derive(Clone, Debug, Serialize)]
pub struct Effect {
    /// The field that was changed.
    pub field: String,
    /// What follows.
    pub what: String,
    /// The share of all users whom it throws back from green to blue, where that can be
    /// computed; where conversations keep their version, of all conversations under way. Of a
    /// ramp of which it is not known where it stands: at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thrown_back: Option<f64>,
    /// The share of the same whom it moves either way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved: Option<f64>,
    /// Whether it is so only where somebody has ordered something by hand, which only Envoy
    /// knows.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub if_ordered: bool,
    /// Whether it is what a rollout is for: more users for green, and nothing else.
    #[serde(skip)]
    is_meant: bool,
}

/// Both configurations, each with its text.
type Of<'a> = (&'a str, &'a Config);

/// What the reload of `new` in the place of `old` does. `step` is where the old one's ramp
/// stands, if that is known, and `can_steer` says whether anybody may have ordered anything.
pub fn effects(
    old: &Of<'_>,
    new: &Of<'_>,
    step: Option<usize>,
    can_steer: bool,
) -> Result<Vec<Effect>, CliError> {
    let ((old_text, old), (new_text, new)) = (old, new);
    let before = assignment_effects::shares_before(old, step)?;
    let mut effects = Vec::new();
    let is_renamed = old.rollout != new.rollout;
    let now = Clocks { monotonic_ns: 0, unix_ms: unix_now() * 1_000 };
    if is_renamed {
        effects.push(assignment_effects::renamed(old, new, &before, now));
    } else {
        let is_other = old.unit != new.unit;
        effects.extend(is_other.then(|| assignment_effects::other_units(old, new, &before, now)));
        effects.extend(assignment_effects::shares(old, new, &before, now));
    }
    effects.extend(routing_effects::conversations(old, new));
    effects.extend(routing_effects::clusters(old, new));
    effects.extend(routing_effects::failover(old, new));
    effects.extend(routing_effects::requests(old, new, is_renamed));
    effects.extend(assignment_effects::pins(old_text, new_text, new));
    effects.extend(routing_effects::missing(old, new));
    effects.extend(routing_effects::headers(old, new));
    if old.answers.is_some() && new.answers.is_none() {
        effects.push(Effect::of(
            "answers",
            "answers are not looked at any more: no outcome is counted",
        ));
    }
    effects.extend(routing_effects::roles(old, new));
    effects.extend(routing_effects::shadows(old, new));
    effects.extend(routing_effects::feedback(old, new));
    effects.extend(orders(old, new).filter(|_| can_steer));
    Ok(effects)
}

/// Seconds since 1970.
fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
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
/// What becomes of an order that was given by hand, by the rules of `ramp::obey` and
/// `steer::weights`.
fn orders(old: &Config, new: &Config) -> impl Iterator<Item = Effect> {
    let field = if new.ramp.is_some() { "ramp" } else { "weights" };
    let what = match (&old.ramp, &new.ramp) {
        _ if old.rollout != new.rollout => Some("it was another rollout's"),
        (None, None) => (old.share != new.share).then_some("the weights of the file are in force"),
        (Some(from), Some(to)) if from.restart != to.restart => {
            Some("the ramp begins again, after a rollback too")
        }
        (Some(from), Some(to)) => (SpecFingerprint::new(from) != SpecFingerprint::new(to)).then_some(
            "the ramp goes on from its step; only a rollback holds, until restart has another text",
        ),
        (Some(_), None) => Some("the weights of the file are in force"),
        (None, Some(_)) => Some("the ramp decides"),
    };
    let effect = |what| Effect {
        if_ordered: true,
        ..Effect::of(field, format!("what was ordered by hand, if anything was, ends: {what}"))
    };
    what.map(effect).into_iter()
}
// === impl Effect ===

impl Effect {
    fn of(field: impl Into<String>, what: impl Into<String>) -> Self {
        let (field, what) = (field.into(), what.into());
        Self { field, what, thrown_back: None, moved: None, if_ordered: false, is_meant: false }
    }

    /// Whether it is to be warned of, and not only noted.
    pub fn is_warning(&self) -> bool {
        !self.if_ordered && !self.is_meant
    }
}

/// As lines for people.
pub fn text(effects: &[Effect]) -> String {
    let line = |it: &Effect| {
        let (style, kind) = if it.is_warning() { (DOUBTFUL, "reload:") } else { (HEAD, "note:") };
        format!("{} {it}\n", styled(style, kind))
    };
    effects.iter().map(line).collect()
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.what)
    }
}
