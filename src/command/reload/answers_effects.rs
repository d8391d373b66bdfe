//! How responses are counted after a reload.

use super::assignment_effects::unnoticed_by_ramp;
use super::effect::Effect;
use crate::analysis::Metric;
use crate::config::{AnswersConfig, Config};
use crate::rollout::RampSpec;

/// The effect of a change of `answers`, `prices` or a `format`.
pub(super) fn answers(old: &Config, new: &Config) -> Option<Effect> {
    let field = "answers";
    let (from, to) = match (&old.answers, &new.answers) {
        (Some(from), Some(to)) => (from, to),
        (Some(_), None) => {
            let what = "answers are no longer observed: no outcomes are counted";
            return Some(Effect::new(field, what));
        }
        (None, _) => return None,
    };
    let ramp = unnoticed_by_ramp(old, new);
    let with_same_prices = AnswersConfig { prices: from.prices.clone(), ..to.clone() };
    let counts_otherwise = *from != with_same_prices || old.formats != new.formats;
    let decides_by_cost = new.ramp.iter().flat_map(RampSpec::metrics).any(|it| it == Metric::Cost);
    let costs_otherwise = from.prices != to.prices && decides_by_cost;
    if ramp.is_empty() || !(counts_otherwise || costs_otherwise) {
        return None;
    }
    let what = format!("responses are counted in another way{ramp}");
    Some(Effect::new(if counts_otherwise { field } else { "prices" }, what))
}
