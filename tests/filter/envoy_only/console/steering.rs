//! Operator commands to a real Envoy.

use serde_json::json;

use super::super::ramp_fixture::read_gauge;
use super::{TOKEN, read_view, send_command, start};
use crate::envoy::process::wait_for;
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::proxy::{Proxy as _, ROLLOUT, Request, config, weights};

#[test]
fn a_command_reaches_every_worker() {
    let mut envoy = start(&weights(100, 0), Some(TOKEN), 4);
    let body =
        |green: u32| json!({"reason": "to see", "weights": {"blue": 100 - green, "green": green}});
    for (green, cluster) in [(100, "llm-green"), (0, "llm-blue"), (100, "llm-green")] {
        assert_eq!(send_command(&envoy, "weights", &body(green)).status(), 200);
        // With 64 connections each worker handles some.
        wait_for("all workers to apply the command", || {
            let clusters = (0..64).map(|_| envoy.send_on_new_connection().cluster);
            clusters.into_iter().all(|name| name == cluster).then_some(())
        });
    }
    // The command holds until a reload changes the weights.
    let mut config = weights(100, 0);
    config["pins"] = json!({"green": ["tia"]});
    envoy.push(&config).unwrap();
    assert!((0..24).all(|_| envoy.send_on_new_connection().cluster == "llm-green"));
    envoy.push(&weights(70, 30)).unwrap();
    assert_eq!(read_gauge(&envoy, "green_bp"), 3000);
    assert_eq!(read_view(&envoy).rollouts[0].order, None);
}

/// Envoy then runs the rollout in VMs without a token.
#[test]
fn a_command_is_in_force_where_only_the_console_has_the_token() {
    let filter = filter_yaml(&weights(0, 1));
    let variables = "        environment_variables: {host_env_keys: [VERDIGRIS_CONSOLE_TOKEN]}\n";
    let filter = filter.replacen(variables, "", 1);
    assert!(!filter.contains("host_env_keys"));
    let setup = Setup { filter: Some(&filter), token: Some(TOKEN), ..Setup::default() };
    let envoy = Envoy::start_with(&setup);
    assert_eq!(envoy.send_on_new_connection().cluster, "llm-green");
    wait_for("the console to show it", || (read_view(&envoy).rollouts.len() == 1).then_some(()));
    let answer = send_command(&envoy, "rollback", &json!({"reason": "to see"}));
    assert_eq!(answer.status(), 200, "{}", answer.text().unwrap());
    wait_for("all workers to apply the command", || {
        (0..24).all(|_| envoy.send_on_new_connection().cluster == "llm-blue").then_some(())
    });
}

/// If a configuration returns while its streams are open, Envoy uses its old root context again.
/// A worker without requests cannot notice that.
#[test]
fn commands_apply_to_a_configuration_that_returns() {
    let ramp = |bake: &str| {
        let gates = json!([{"metric": "error_rate"}]);
        config(json!({"ramp": {"steps": [50, 100], "bake": bake, "gates": gates}}))
    };
    for (first, second) in [(weights(95, 5), weights(50, 50)), (ramp("1h"), ramp("2h"))] {
        let mut envoy = start(&first, Some(TOKEN), 2);
        let hold = |envoy: &Envoy| -> Vec<_> {
            let hold =
                |user| envoy.send_to("/hold", &Request::from_user(format!("user-{user}"))).unwrap();
            (0..8).map(hold).collect()
        };
        let streams_of_first = hold(&envoy);
        envoy.push(&second).unwrap();
        let streams_of_second = hold(&envoy);
        envoy.push(&first).unwrap();
        let (share, phase) =
            if first["ramp"].is_null() { (500, "by_hand") } else { (5000, "ramping") };
        wait_for("all workers to show the first configuration", || {
            let shows = |_| {
                let view = read_view(&envoy);
                let rollout = &view.rollouts[0];
                let shown = (rollout.is_known, rollout.green_bp, rollout.phase.as_str());
                view.rollouts.len() == 1 && shown == (true, share, phase)
            };
            (0..32).all(shows).then_some(())
        });
        // The state of a ramp follows at the next tick. Until then an operator has to repeat the command.
        wait_for("each worker to apply commands", || {
            let is_applied = |attempt| {
                let (command, body) = match attempt % 2 {
                    0 => ("weights", json!({"reason": "a", "weights": {"blue": 9, "green": 1}})),
                    _ => ("resume", json!({"reason": "b"})),
                };
                let answer = send_command(&envoy, command, &body);
                let (status, text) = (answer.status(), answer.text().unwrap());
                assert!([200, 409].contains(&status.as_u16()), "{status} {text}");
                status == 200
            };
            (0..16).all(is_applied).then_some(())
        });
        envoy.upstreams.iter().for_each(|upstream| upstream.release_streams());
        for stream in streams_of_first.into_iter().chain(streams_of_second) {
            stream.text().unwrap();
        }
    }
}

#[test]
fn a_replaced_rollout_is_shown_as_replaced_until_its_streams_end() {
    let mut envoy = start(&weights(50, 50), Some(TOKEN), 1);
    let stream = envoy.send_to("/hold", &Request::from_user("ada")).unwrap();
    let mut next = weights(90, 10);
    next["rollout"] = json!("assistant-v9");
    envoy.push(&next).unwrap();
    let shown: Vec<_> = read_view(&envoy)
        .rollouts
        .into_iter()
        .map(|rollout| (rollout.rollout, rollout.is_replaced))
        .collect();
    assert_eq!(shown, [(ROLLOUT.to_owned(), true), ("assistant-v9".to_owned(), false)]);
    let answer = send_command(&envoy, "rollback", &json!({"reason": "to see"}));
    assert!(answer.text().unwrap().starts_with("assistant-v9: by_hand at 10 %"));
    envoy.upstreams.iter().for_each(|upstream| upstream.release_streams());
    stream.text().unwrap();
    wait_for("the replaced rollout to be removed", || {
        (read_view(&envoy).rollouts.len() == 1).then_some(())
    });
}

#[test]
fn a_command_for_one_step_is_refused_in_another() {
    let gates = json!([{"metric": "error_rate"}]);
    let ramp = json!({"steps": [50, 100], "bake": "1h", "gates": gates});
    let envoy = start(&config(json!({"ramp": ramp})), Some(TOKEN), 2);
    wait_for("the ramp", || read_view(&envoy).rollouts[0].is_known.then_some(()));
    let body_with_step = |step: u32| json!({"reason": "to see", "step": step});
    let answer = send_command(&envoy, "pause", &body_with_step(1));
    assert_eq!(answer.status(), 409);
    assert!(answer.text().unwrap().contains("not in the step that the command is for"));
    assert_eq!(send_command(&envoy, "pause", &body_with_step(0)).status(), 200);
}

/// A secret that was created by `echo` ends with a newline. A token that no header can carry
/// disables steering.
#[test]
fn white_space_around_the_token_is_ignored() {
    for (token, status) in [("a-token-that-is-long\n", 200), ("a-tökén-that-is-long", 404)] {
        let envoy = start(&weights(50, 50), Some(token), 1);
        let answer = send_command(&envoy, "rollback", &json!({"reason": "to see"}));
        assert_eq!(answer.status(), status, "{token:?}");
        assert_eq!(envoy.log().contains("other than visible ASCII"), status == 404);
    }
}
