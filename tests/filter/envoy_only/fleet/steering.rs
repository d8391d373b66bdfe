//! Operators' commands to one Envoy of a fleet.

use serde_json::{Value, json};

use super::gateways::{Gateways, TOKEN, fleet_config};
use super::shared_store::Kind;
use crate::envoy::process::wait_for;
use crate::proxy::phase::{PAUSED, RAMPING, ROLLED_BACK};

on_each_store!(
    a_command_to_any_envoy_is_one_for_all,
    without_the_store_a_command_changes_nothing,
    a_command_at_a_path_is_sent_to_the_store,
    the_page_lists_all_envoys_of_the_fleet
);

/// Sends a command to an Envoy. Returns the status and the text of the answer.
pub fn command(gateways: &Gateways, index: usize, name: &str, body: &Value) -> (u16, String) {
    let envoy = &gateways.envoys[index];
    let url = format!("{}/{name}", envoy.console.as_ref().unwrap());
    let request = envoy.client.post(url).header("authorization", format!("Bearer {TOKEN}"));
    let answer = request.body(body.to_string()).send().unwrap();
    (answer.status().as_u16(), answer.text().unwrap())
}

fn a_command_to_any_envoy_is_one_for_all(kind: Kind) {
    let gateways = Gateways::start(3, kind, &fleet_config(kind, json!({"bake": "1h"})));
    gateways.wait_for_gauge("green_bp", 2500);
    let weights = json!({"reason": "less", "weights": {"blue": 90, "green": 10}});
    let (status, text) = command(&gateways, 1, "weights", &weights);
    assert_eq!(status, 200, "{text}");
    assert!(text.contains("paused at 10 %"), "{text}");
    gateways.wait_for_gauge("green_bp", 1000);
    gateways.wait_for_gauge("phase", PAUSED);
    let (status, text) = command(&gateways, 2, "resume", &json!({"reason": "again"}));
    assert_eq!(status, 200, "{text}");
    gateways.wait_for_gauge("green_bp", 2500);
    gateways.wait_for_gauge("phase", RAMPING);
    let (status, text) = command(&gateways, 0, "rollback", &json!({"reason": "worse"}));
    assert_eq!(status, 200, "{text}");
    gateways.wait_for_gauge("phase", ROLLED_BACK);
    let (status, text) = command(&gateways, 1, "rollback", &json!({"reason": "worse"}));
    assert_eq!(status, 409, "{text}");
    for index in 0..3 {
        wait_for("all pages to show the rollback", || {
            let decision = &gateways.state(index)["rollouts"][0]["decisions"][0];
            decision["why"].as_str()?.contains("worse").then_some(())
        });
    }
}

fn without_the_store_a_command_changes_nothing(kind: Kind) {
    let mut gateways = Gateways::start(2, kind, &fleet_config(kind, json!({"bake": "1h"})));
    gateways.wait_for_gauge("green_bp", 2500);
    gateways.store.go_away();
    let (status, text) = command(&gateways, 1, "rollback", &json!({"reason": "worse"}));
    assert_eq!(status, 503, "{text}");
    assert_eq!(gateways.gauges("green_bp"), [2500, 2500]);
    wait_for("the page to show that the store is away", || {
        let rollout = &gateways.state(0)["rollouts"][0];
        (rollout["fleet"]["is_store_away"] == true).then_some(())
    });
    gateways.store.come_back();
    wait_for("a command to be committed", || {
        let (status, text) = command(&gateways, 1, "rollback", &json!({"reason": "worse"}));
        assert_ne!(status, 409, "{text}");
        (status == 200).then_some(())
    });
    gateways.wait_for_gauge("phase", ROLLED_BACK);
}

fn the_page_lists_all_envoys_of_the_fleet(kind: Kind) {
    let gateways = Gateways::start(3, kind, &fleet_config(kind, json!({"bake": "1h"})));
    gateways.wait_for_gauge("green_bp", 2500);
    let ((), _) = gateways.under_load(|| {
        for index in 0..3 {
            wait_for("all instances to be listed, each with evidence", || {
                let fleet = gateways.state(index)["rollouts"][0]["fleet"].clone();
                let instances = fleet["instances"].as_array()?.clone();
                let mut names: Vec<_> =
                    instances.iter().filter_map(|it| it["name"].as_str()).collect();
                names.sort_unstable();
                let has_evidence =
                    instances.iter().all(|it| it["evidence"].as_f64().is_some_and(|it| it > 0.1));
                (names == ["gateway-0", "gateway-1", "gateway-2"] && has_evidence).then_some(())
            });
        }
    });
}

/// At a path, the filter answers before the store does.
fn a_command_at_a_path_is_sent_to_the_store(kind: Kind) {
    let mut config = fleet_config(kind, json!({"bake": "1h"}));
    config["console"] = json!({"path": "/ops"});
    let mut gateways = Gateways::start(2, kind, &config);
    gateways.wait_for_gauge("green_bp", 2500);
    let rollback = |gateways: &Gateways| {
        let envoy = &gateways.envoys[1];
        let request = envoy.client.post(format!("{}/ops/rollback", envoy.url));
        let request = request.header("authorization", format!("Bearer {TOKEN}"));
        let answer =
            request.header("x-verdigris-command", r#"{"reason": "worse"}"#).send().unwrap();
        (answer.status().as_u16(), answer.text().unwrap())
    };
    gateways.store.go_away();
    let (status, text) = rollback(&gateways);
    assert_eq!(status, 202, "{text}");
    let log = || gateways.envoys[1].log();
    wait_for("the refusal in the log", || log().contains("refused: rollback").then_some(()));
    assert_eq!(gateways.gauges("green_bp"), [2500, 2500]);
    gateways.store.come_back();
    wait_for("the store to be back", || {
        let rollout = &gateways.state(1)["rollouts"][0];
        (rollout["fleet"]["is_store_away"] == false).then_some(())
    });
    let (status, text) = rollback(&gateways);
    assert_eq!(status, 202, "{text}");
    gateways.wait_for_gauge("phase", ROLLED_BACK);
}
