//! The console keeps showing the evidence on which a rollback was decided.

use reqwest::blocking::Client;
use serde_json::json;
use verdigris::console::headline;
use verdigris::console::view::RolloutView;
use verdigris::rollout::decimal::Decimal;

use super::super::ramp_fixture::{
    GOOD_MODEL, RAMP_TIMEOUT, read_counter, set_models, with_clients,
};
use super::{read_view, start};
use crate::envoy::process::wait_at_most;
use crate::envoy::upstream::Model;
use crate::proxy::config;

#[test]
fn the_evidence_of_a_rollback_does_not_change_afterwards() {
    let ramp = json!({
        "steps": [50, 100], "bake": "1h", "warmup": "500ms", "tripwires": [],
        "gates": [{"metric": "error_rate", "ceiling": null}],
    });
    let envoy = start(&config(json!({"ramp": ramp})), None, 2);
    // Slow answers, so that some of them end after the decision.
    let slow = Model { first_token_ms: 100, ..GOOD_MODEL };
    set_models(&envoy, [Model { fails_one_in: 20, ..slow }, Model { fails_one_in: 2, ..slow }]);
    let url = format!("{}/model/completions", envoy.url);
    let send = |client: &Client, user: String| {
        client.post(&url).header("x-user-id", user).send().unwrap().bytes().unwrap();
    };
    let (at_rollback, later) = with_clients(send, || {
        let rolled_back = || {
            let rollout = read_view(&envoy).rollouts.into_iter().next()?;
            (rollout.phase == "rolled_back").then_some(rollout)
        };
        let at_rollback = wait_at_most(RAMP_TIMEOUT, "a rollback", rolled_back);
        let requests = read_counter(&envoy, "blue", "requests");
        wait_at_most(RAMP_TIMEOUT, "more requests", || {
            (read_counter(&envoy, "blue", "requests") > requests + 100).then_some(())
        });
        (at_rollback, rolled_back().unwrap())
    });
    let shown_decision = |rollout: &RolloutView| {
        let judgement = rollout.ramp.as_ref().unwrap().judgement.clone().unwrap();
        (headline(rollout).text, judgement, rollout.decisions[0].why.clone())
    };
    assert_eq!(shown_decision(&at_rollback), shown_decision(&later));
    let (_, judgement, why) = shown_decision(&later);
    let gate = &judgement.gates[0];
    let differences = &later.ramp.as_ref().unwrap().differences;
    assert_eq!(differences.len(), 1);
    let last = differences[0].points.last().unwrap();
    assert_eq!((differences[0].metric.as_str(), last.step), ("error_rate", 0));
    assert_eq!((last.difference, last.high), (gate.green.unwrap() - gate.blue.unwrap(), gate.high));
    for (version, mean, units) in
        [("blue", gate.blue, gate.blue_units), ("green", gate.green, gate.green_units)]
    {
        let evidence = format!("{version} {} of {units}", Decimal(mean.unwrap(), 4));
        assert!(why.contains(&evidence), "{evidence}: {why}");
    }
}
