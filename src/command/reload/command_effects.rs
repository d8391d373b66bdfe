//! Whether a reload ends an operator command, by the rules of `rollout::reconcile_spec` and
//! `rollout::manual`.

use super::effect::Effect;
use crate::config::Config;
use crate::rollout::SpecFingerprint;

/// The end of an operator command, if the reload ends one.
pub(super) fn ended_command(old: &Config, new: &Config) -> impl Iterator<Item = Effect> {
    let field = if new.ramp.is_some() { "ramp" } else { "weights" };
    let next = match (&old.ramp, &new.ramp) {
        _ if old.rollout != new.rollout => Some("it belonged to another rollout"),
        (None, None) => (old.share != new.share).then_some("the weights of the file apply"),
        (Some(old), Some(new)) if old.restart != new.restart => {
            Some("the ramp restarts, even after a rollback")
        }
        (Some(old), Some(new)) if new.is_rolled_back && !old.is_rolled_back => {
            Some("the ramp is rolled back")
        }
        (Some(old), Some(new)) => {
            let is_changed = SpecFingerprint::new(old) != SpecFingerprint::new(new);
            is_changed.then_some(
                "the ramp continues in its step; only a rollback stays, until ramp.restart changes",
            )
        }
        (Some(_), None) => Some("the weights of the file apply"),
        (None, Some(_)) => Some("the ramp sets the share"),
    };
    let effect = |next| Effect {
        if_ordered: true,
        ..Effect::new(field, format!("an operator command, if one is in force, ends: {next}"))
    };
    next.map(effect).into_iter()
}
