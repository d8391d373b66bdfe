//! Effects on a fleet.

use serde_json::{Value, json};

use super::{Change, both, effects, ramp, weights};

/// A ramp of a fleet with these fields.
fn of_fleet(fields: Value) -> Value {
    let fleet = both(json!({"store": "etcd", "cluster": "etcd"}), fields);
    both(ramp(json!({})), json!({"fleet": fleet}))
}

#[test]
fn each_change_of_a_fleet_is_reported() {
    let renamed = both(ramp(json!({})), json!({"rollout": "assistant-v9"}));
    for (old, new, field, text) in [
        (weights(95, 5), of_fleet(json!({})), "fleet", "has one of this rollout already"),
        (ramp(json!({})), of_fleet(json!({})), "fleet", "begins there with its first step, and"),
        (of_fleet(json!({})), ramp(json!({})), "fleet", "begins a ramp of its own with its first"),
        (of_fleet(json!({})), renamed, "fleet", "decides alone, by its own requests"),
        (of_fleet(json!({})), weights(95, 5), "fleet", "leaves the fleet: the others continue"),
        (
            of_fleet(json!({})),
            of_fleet(json!({"cluster": "etcd-new"})),
            "fleet.cluster",
            "the state is read at etcd-new instead of etcd: ",
        ),
        (
            of_fleet(json!({})),
            of_fleet(json!({"prefix": "/new"})),
            "fleet.prefix",
            "the state is read at /new instead of /verdigris: ",
        ),
        (
            of_fleet(json!({})),
            of_fleet(json!({"store": "kubernetes", "namespace": "gateways"})),
            "fleet.store",
            "the state is read at the Kubernetes API instead of etcd: ",
        ),
        (
            of_fleet(json!({"store": "kubernetes", "namespace": "gateways"})),
            of_fleet(json!({"store": "kubernetes", "namespace": "edge"})),
            "fleet.namespace",
            "the state is read at edge instead of gateways: ",
        ),
        (
            of_fleet(json!({"instance": "a"})),
            of_fleet(json!({})),
            "fleet.instance",
            "the name of this instance is Envoy's node id",
        ),
        (
            of_fleet(json!({})),
            of_fleet(json!({"interval": "500ms"})),
            "fleet.interval",
            "every 500ms instead of 1s",
        ),
    ] {
        Change::new(old, new, field, text).check();
    }
}

/// The state of the fleet's ramp is under another name than that of an Envoy's own.
#[test]
fn a_ramp_that_leaves_its_fleet_begins_anew() {
    let steps = json!({"steps": [10, 50, 100]});
    let of_fleet = both(ramp(steps.clone()), of_fleet(json!({})));
    let of_fleet = both(of_fleet, ramp(steps.clone()));
    let text = "this Envoy begins a ramp of its own in the place of the fleet's; it starts with its first \
                step; green's share changes from 50 % to 10 %";
    let alone = Change::new(of_fleet.clone(), ramp(steps.clone()), "ramp", text);
    alone.in_step("1").throws_back(0.4).check();
    let started = both(steps.clone(), json!({"started": "2020-01-01T00:00:00Z"}));
    let text = "begins a ramp of its own in the place of the fleet's; it does not start: it started earlier";
    let lost = Change::new(of_fleet.clone(), ramp(started), "ramp", text);
    lost.in_step("1").throws_back(0.5).check();
    let rolled_back = both(steps, json!({"rolled_back": true}));
    let text = "the configuration rolls the ramp back";
    let back = Change::new(of_fleet, ramp(rolled_back), "ramp", text);
    back.in_step("1").throws_back(0.5).check();
}

#[test]
fn what_is_equal_is_not_reported() {
    let defaults = of_fleet(json!({"prefix": "/verdigris", "interval": "1s"}));
    assert_eq!(effects(&of_fleet(json!({})), &defaults, None), Vec::<Value>::new());
}
