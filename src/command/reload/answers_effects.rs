//! How responses are counted after a reload.

use super::assignment_effects::unnoticed_by_ramp;
use super::effect::Effect;
use crate::analysis::Metric;
use crate::config::{AnswersConfig, Config};

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
    let costs_otherwise = from.prices != to.prices && gates_cost(new);
    if ramp.is_empty() || !(counts_otherwise || costs_otherwise) {
        return None;
    }
    let what = format!("responses are counted in another way{ramp}");
    Some(Effect::new(if counts_otherwise { field } else { "prices" }, what))
}

/// Whether the ramp decides by what responses cost.
fn gates_cost(config: &Config) -> bool {
    config.ramp.iter().any(|ramp| {
        let gates = ramp.analysis.gates.iter().map(|it| it.spec.metric);
        gates.chain(ramp.tripwires.iter().map(|it| it.metric)).any(|it| it == Metric::Cost)
    })
}
