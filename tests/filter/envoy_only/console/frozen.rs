//! What a rollback was decided by stays as it was, whatever ends late.

use reqwest::blocking::Client;
use serde_json::json;
use verdigris::console::headline;
use verdigris::console::view::RolloutView;
use verdigris::rollout::decimal::Decimal;

use super::super::ramp::{GOOD, RAMP, counter, set_models, while_clients};
use super::{start, view};
use crate::envoy::process::wait_at_most;
use crate::envoy::upstream::Model;
use crate::proxy::config;

#[test]
fn the_numbers_of_a_rollback_are_those_that_decided() {
    let ramp = json!({
        "steps": [50, 100], "bake": "1h", "warmup": "500ms", "tripwires": [],
        "gates": [{"metric": "error_rate", "ceiling": null}],
    });
    let envoy = start(&config(json!({"ramp": ramp})), None, 2);
    // Answers take a while, so that some of them end after the decision.
    let slow = Model { first_ms: 100, ..GOOD };
    set_models(&envoy, [Model { fails_one_in: 20, ..slow }, Model { fails_one_in: 2, ..slow }]);
    let url = format!("{}/model/completions", envoy.url);
    let ask = |client: &Client, user: String| {
        client.post(&url).header("x-user-id", user).send().unwrap().bytes().unwrap();
    };
    let (then, now) = while_clients(ask, || {
        let rolled_back = || {
            let rollout = view(&envoy).rollouts.into_iter().next()?;
            (rollout.phase == "rolled_back").then_some(rollout)
        };
        let then = wait_at_most(RAMP, "a rollback", rolled_back);
        let requests = counter(&envoy, "blue", "requests");
        wait_at_most(RAMP, "more requests", || {
            (counter(&envoy, "blue", "requests") > requests + 100).then_some(())
        });
        (then, rolled_back().unwrap())
    });
    let told = |it: &RolloutView| {
        let judgement = it.ramp.as_ref().unwrap().judgement.clone().unwrap();
        (headline(it).text, judgement, it.decisions[0].why.clone())
    };
    assert_eq!(told(&then), told(&now));
    let (_, judgement, why) = told(&now);
    let gate = &judgement.gates[0];
    for (version, mean, units) in
        [("blue", gate.blue, gate.blue_units), ("green", gate.green, gate.green_units)]
    {
        let seen = format!("{version} {} of {units}", Decimal(mean.unwrap(), 4));
        assert!(why.contains(&seen), "{seen}: {why}");
    }
}
