//! The effects of a change of `fleet`: where the state of the ramp is, and who decides.

use super::effect::Effect;
use crate::config::{Config, FleetConfig};

/// The effects of a change of `fleet`.
pub(super) fn fleet(old: &Config, new: &Config) -> Vec<Effect> {
    let effect = |what: &str| vec![Effect::new("fleet", what)];
    match (&old.fleet, &new.fleet) {
        (None, None) => Vec::new(),
        (None, Some(_)) if old.ramp.is_none() => effect(
            "the fleet's store has the state of the ramp: if it has one of this rollout already, this \
             Envoy continues with it",
        ),
        (None, Some(_)) => effect(
            "the fleet's store replaces the state of this Envoy's own ramp: if the store has no state \
             of this rollout, the ramp begins there with its first step, and an operator command ends; if \
             this Envoy is rolled back, it rolls back the whole fleet",
        ),
        (Some(_), None) if new.ramp.is_some() && old.rollout == new.rollout => effect(
            "the fleet's state stays in the store, and this Envoy begins a ramp of its own with its first \
             step, even if the fleet has rolled back, or continues with one that it ran alone before: if the \
             fleet has rolled back, write \"rolled_back\": true or another rollout; the other Envoys \
             continue in the fleet",
        ),
        (Some(_), None) if new.ramp.is_some() => effect(
            "this Envoy decides alone, by its own requests; the other Envoys continue in the fleet",
        ),
        (Some(_), None) => effect(
            "this Envoy leaves the fleet: the others continue the ramp, and the store keeps its state, \
             with which a later ramp of this rollout continues",
        ),
        (Some(from), Some(to)) => changes(from, to),
    }
}

fn changes(from: &FleetConfig, to: &FleetConfig) -> Vec<Effect> {
    let mut effects = Vec::new();
    let mut add = |field: &str, what: String| effects.push(Effect::new(field, what));
    if (&from.cluster, &from.store) != (&to.cluster, &to.store) {
        let (before_kind, after_kind) = (from.store.name(), to.store.name());
        let ((_, before_place), (place, after_place)) = (from.store.place(), to.store.place());
        let (field, before, after) = if before_kind != after_kind {
            ("fleet.store", before_kind, after_kind)
        } else if from.cluster != to.cluster {
            ("fleet.cluster", from.cluster.as_str(), to.cluster.as_str())
        } else {
            (place, before_place, after_place)
        };
        let what = format!(
            "the state is read at {after} instead of {before}: if there is none, or an earlier one, the \
             Envoys write there what they know; until all have this change, the fleet is two fleets, \
             each of which decides alone"
        );
        add(field, what);
    }
    if from.instance != to.instance {
        let name = to.instance.as_deref().unwrap_or("Envoy's node id");
        let what = format!(
            "the name of this instance is {name}, as soon as its evidence under the name before is handed \
             over; the name before is listed for ten minutes"
        );
        add("fleet.instance", what);
    }
    if from.interval != to.interval {
        let [before, after] = [from, to].map(|it| it.interval);
        let what = format!("it talks to the store every {after:?} instead of {before:?}");
        add("fleet.interval", what);
    }
    effects
}
