//! Changes of the configuration while Envoys run: they join a fleet, and get another name and interval.

use serde_json::{Value, json};

use super::gateways::{Gateways, fleet_config};
use super::shared_store::Kind;
use super::steering::command;
use crate::envoy::process::wait_for;
use crate::envoy_only::ramp_fixture::read_gauge;
use crate::proxy::Proxy as _;
use crate::proxy::phase::ROLLED_BACK;

on_each_store!(
    a_rollback_of_an_own_ramp_wins_although_another_envoy_has_begun_the_fleet,
    another_name_and_another_interval_take_effect_without_a_restart
);

fn a_rollback_of_an_own_ramp_wins_although_another_envoy_has_begun_the_fleet(kind: Kind) {
    let with_fleet = fleet_config(kind, json!({"bake": "1h"}));
    let mut alone = with_fleet.clone();
    alone.as_object_mut().unwrap().remove("fleet");
    let mut gateways = Gateways::start(2, kind, &alone);
    gateways.wait_for_gauge("green_bp", 2500);
    let (status, text) = command(&gateways, 1, "rollback", &json!({"reason": "worse"}));
    assert_eq!(status, 200, "{text}");
    wait_for("the rollback", || {
        (read_gauge(&gateways.envoys[1], "phase") == ROLLED_BACK).then_some(())
    });
    gateways.envoys[0].push(&with_fleet).unwrap();
    wait_for("the fleet to begin", || {
        let has_share = read_gauge(&gateways.envoys[0], "green_bp") == 2500;
        (has_share && gateways.store.has_state()).then_some(())
    });
    gateways.envoys[1].push(&with_fleet).unwrap();
    gateways.wait_for_gauge("phase", ROLLED_BACK);
    gateways.wait_for_gauge("green_bp", 0);
    let lines =
        gateways.log_lines("this Envoy's own ramp was rolled back before it joined the fleet");
    assert!(!lines.is_empty());
}

fn another_name_and_another_interval_take_effect_without_a_restart(kind: Kind) {
    let config = fleet_config(kind, json!({"bake": "1h"}));
    let mut gateways = Gateways::start(2, kind, &config);
    gateways.wait_for_gauge("green_bp", 2500);
    for name in ["renamed", "renamed-again"] {
        let mut changed = config.clone();
        changed["fleet"]["instance"] = json!(name);
        changed["fleet"]["interval"] = json!("500ms");
        gateways.envoys[1].push(&changed).unwrap();
        let ((), _) = gateways.under_load(|| {
            wait_for(name, || {
                let rollouts = gateways.state(0)["rollouts"].clone();
                let instances = rollouts[0]["fleet"]["instances"].as_array()?.clone();
                let is_there =
                    |it: &Value| it["name"] == name && it["evidence"].as_f64() > Some(0.0);
                instances.iter().any(is_there).then_some(())
            });
        });
        assert_eq!(gateways.state(1)["rollouts"][0]["fleet"]["instance"], name);
    }
    assert_eq!(gateways.gauges("green_bp"), [2500, 2500]);
}
