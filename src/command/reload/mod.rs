//! The effects of reloading a configuration: which users move, and which ramp restarts.
//!
//! | file | concept |
//! |---|---|
//! | `effect` | an effect |
//! | `stage` | where a ramp may be before it |
//! | `assignment_effects` | who is reassigned, and the state of the ramp |
//! | `routing_effects` | where requests go: clusters, headers, roles, shadows |
//! | `answers_effects` | how responses are counted |
//! | `feedback_effects` | which feedback is accepted |
//! | `sampling_effects` | which requests are copied for a judge or an export |
//! | `fleet_effects` | where the state of the ramp is |
//! | `stats_effects` | which stats stay in Envoy |
//! | `command_effects` | which operator commands end |

mod answers_effects;
mod assignment_effects;
mod command_effects;
mod effect;
mod feedback_effects;
mod fleet_effects;
mod routing_effects;
mod sampling_effects;
mod stage;
mod stats_effects;

use std::time::{SystemTime, UNIX_EPOCH};

use super::output::{CliError, DOUBTFUL, HEAD, styled};
use crate::config::{Config, Plugin};
use crate::rollout::Clocks;

pub use effect::Effect;

/// A configuration and its JSON text.
#[derive(Clone, Copy)]
pub struct ConfigWithText<'a> {
    pub json: &'a str,
    pub config: &'a Config,
}

/// The effects of reloading `new` in the place of `old`. `step` is the current step of the old
/// ramp, counted from 0, if it is known; `may_have_commands` whether an operator command may be in
/// force.
///
/// # Errors
/// The old configuration has no such step.
pub fn effects(
    old: ConfigWithText<'_>,
    new: ConfigWithText<'_>,
    step: Option<usize>,
    may_have_commands: bool,
) -> Result<Vec<Effect>, CliError> {
    let (old_json, new_json) = (old.json, new.json);
    let (old, new) = (old.config, new.config);
    let before = stage::shares_before(old, step)?;
    let mut effects = Vec::new();
    let is_renamed = old.rollout != new.rollout;
    let now = Clocks { monotonic_ns: 0, unix_ms: unix_now() * 1_000 };
    if is_renamed {
        effects.push(assignment_effects::renamed(old, new, &before, now));
        effects.push(stats_effects::renamed(old));
    } else {
        effects.extend(assignment_effects::unit_sources(old, new, &before, now));
        effects.extend(assignment_effects::shares(old, new, &before, now));
    }
    effects.extend(routing_effects::conversations(old, new));
    effects.extend(routing_effects::clusters(old, new));
    effects.extend(routing_effects::route_by(old, new));
    effects.extend(routing_effects::read_body(old, new));
    effects.extend(routing_effects::console(old, new));
    effects.extend(routing_effects::failover(old, new));
    effects.extend(routing_effects::requests(old, new));
    effects.extend(assignment_effects::pins(old_json, new_json, new));
    effects.extend(routing_effects::missing_units(old, new));
    effects.extend(routing_effects::headers(old, new));
    effects.extend(answers_effects::answers(old, new));
    effects.extend(routing_effects::roles(old, new));
    effects.extend(routing_effects::shadows(old, new));
    effects.extend(feedback_effects::feedback(old, new));
    effects.extend(sampling_effects::judge(old, new));
    effects.extend(sampling_effects::samples(old, new));
    effects.extend(fleet_effects::fleet(old, new));
    effects.extend(command_effects::ended_command(old, new).filter(|_| may_have_commands));
    Ok(effects)
}

/// The effect of taking the filter out, in the place of `old`. `step` is as in [`effects`].
///
/// # Errors
/// The old configuration has no such step.
pub fn taken_out(old: &Config, step: Option<usize>) -> Result<Vec<Effect>, CliError> {
    let before = stage::shares_before(old, step)?;
    Ok(vec![assignment_effects::taken_out(&before)])
}

fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The effects of a reload where the old or the new configuration is a console's.
pub fn console_effects(old: &Plugin, new: &Plugin) -> Vec<Effect> {
    let what = match (old, new) {
        (Plugin::Console(old), Plugin::Console(new)) => {
            let removed: Vec<&str> =
                old.hosts.iter().filter(|it| !new.hosts.contains(it)).map(AsRef::as_ref).collect();
            let what = format!("the page is no longer served as {}", removed.join(", "));
            let effect = (!removed.is_empty()).then(|| Effect::new("console.hosts", what));
            return effect.into_iter().collect();
        }
        (Plugin::Rollout(_), Plugin::Console(_)) => {
            "the console replaces a rollout: requests to this listener get the page, and reach no \
             version"
        }
        (Plugin::Console(_), Plugin::Rollout(_)) => {
            "a rollout replaces the console: the page is no longer served"
        }
        (Plugin::Rollout(_), Plugin::Rollout(_)) => return Vec::new(),
    };
    vec![Effect::new("role", what)]
}

/// The effects as lines of text.
pub fn text(effects: &[Effect]) -> String {
    let line = |it: &Effect| {
        let (style, kind) = if it.is_warning() { (DOUBTFUL, "reload:") } else { (HEAD, "note:") };
        format!("{} {it}\n", styled(style, kind))
    };
    effects.iter().map(line).collect()
}
