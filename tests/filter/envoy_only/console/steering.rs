//! Which rollout is steered, and by whom.

use serde_json::json;

use super::super::ramp::gauge;
use super::{TOKEN, order, start, view};
use crate::envoy::Envoy;
use crate::envoy::process::wait_for;
use crate::proxy::{Proxy as _, ROLLOUT, Request, config, weights};

#[test]
fn an_order_reaches_every_worker() {
    let mut envoy = start(&weights(100, 0), Some(TOKEN), 4);
    let body =
        |green: u32| json!({"reason": "to see", "weights": {"blue": 100 - green, "green": green}});
    for (green, cluster) in [(100, "llm-green"), (0, "llm-blue"), (100, "llm-green")] {
        assert_eq!(order(&envoy, "weights", &body(green)).status(), 200);
        // Of so many connections each worker has some.
        wait_for("all workers to obey", || {
            let clusters = (0..64).map(|_| envoy.answer_on_a_new_connection().cluster);
            clusters.into_iter().all(|it| it == cluster).then_some(())
        });
    }
    // It outlives a reload that leaves the weights alone, and ends with one that does not.
    let mut config = weights(100, 0);
    config["pins"] = json!({"green": ["tia"]});
    envoy.push(&config).unwrap();
    assert!((0..24).all(|_| envoy.answer_on_a_new_connection().cluster == "llm-green"));
    envoy.push(&weights(70, 30)).unwrap();
    assert_eq!(gauge(&envoy, "green_bp"), 3000);
    assert_eq!(view(&envoy).rollouts[0].order, None);
}

/// Envoy takes up an old root context where a configuration returns while its streams last,
/// and a worker that nobody asks anything does not notice.
#[test]
fn a_configuration_that_returns_is_the_one_that_is_shown_and_steered() {
    let ramp = |bake: &str| {
        let gates = json!([{"metric": "error_rate"}]);
        config(json!({"ramp": {"steps": [50, 100], "bake": bake, "gates": gates}}))
    };
    for (first, second) in [(weights(95, 5), weights(50, 50)), (ramp("1h"), ramp("2h"))] {
        let mut envoy = start(&first, Some(TOKEN), 2);
        let hold = |envoy: &Envoy| -> Vec<_> {
            let hold = |user| envoy.get("/hold", &Request::of(format!("user-{user}"))).unwrap();
            (0..8).map(hold).collect()
        };
        let of_first = hold(&envoy);
        envoy.push(&second).unwrap();
        let of_second = hold(&envoy);
        envoy.push(&first).unwrap();
        let (share, phase) =
            if first["ramp"].is_null() { (500, "by_hand") } else { (5000, "ramping") };
        wait_for("all workers to show it", || {
            let shows = |_| {
                let view = view(&envoy);
                let it = &view.rollouts[0];
                view.rollouts.len() == 1
                    && (it.is_known, it.green_bp, it.phase.as_str()) == (true, share, phase)
            };
            (0..32).all(shows).then_some(())
        });
        for attempt in 0..8 {
            let (verb, body) = match attempt % 2 {
                0 => ("weights", json!({"reason": "a", "weights": {"blue": 9, "green": 1}})),
                _ => ("resume", json!({"reason": "b"})),
            };
            let answer = order(&envoy, verb, &body);
            assert_eq!(answer.status(), 200, "{}", answer.text().unwrap());
        }
        envoy.upstreams.iter().for_each(|upstream| upstream.release());
        for stream in of_first.into_iter().chain(of_second) {
            stream.text().unwrap();
        }
    }
}

/// A rollout whose last answers are still under way is not taken for one that goes on.
#[test]
fn a_rollout_that_was_replaced_is_shown_as_that() {
    let mut envoy = start(&weights(50, 50), Some(TOKEN), 1);
    let stream = envoy.get("/hold", &Request::of("ada")).unwrap();
    let mut next = weights(90, 10);
    next["rollout"] = json!("assistant-v9");
    envoy.push(&next).unwrap();
    let shown: Vec<_> =
        view(&envoy).rollouts.into_iter().map(|it| (it.rollout, it.is_replaced)).collect();
    assert_eq!(shown, [(ROLLOUT.to_owned(), true), ("assistant-v9".to_owned(), false)]);
    let answer = order(&envoy, "rollback", &json!({"reason": "to see"}));
    assert!(answer.text().unwrap().starts_with("assistant-v9: by_hand at 10 %"));
    envoy.upstreams.iter().for_each(|upstream| upstream.release());
    stream.text().unwrap();
    wait_for("the old one to go", || (view(&envoy).rollouts.len() == 1).then_some(()));
}

#[test]
fn an_order_for_a_step_is_not_done_in_another() {
    let gates = json!([{"metric": "error_rate"}]);
    let ramp = json!({"steps": [50, 100], "bake": "1h", "gates": gates});
    let envoy = start(&config(json!({"ramp": ramp})), Some(TOKEN), 2);
    wait_for("the ramp", || view(&envoy).rollouts[0].is_known.then_some(()));
    let of_step = |step: u32| json!({"reason": "to see", "step": step});
    let answer = order(&envoy, "pause", &of_step(1));
    assert_eq!(answer.status(), 409);
    assert!(answer.text().unwrap().contains("another step"));
    assert_eq!(order(&envoy, "pause", &of_step(0)).status(), 200);
}

/// As a secret has it that was made by `echo`; and one that no header can carry.
#[test]
fn a_token_is_taken_without_what_is_around_it() {
    for (token, status) in [("a-token-that-is-long\n", 200), ("a-tökén-that-is-long", 404)] {
        let envoy = start(&weights(50, 50), Some(token), 1);
        let done = order(&envoy, "rollback", &json!({"reason": "to see"}));
        assert_eq!(done.status(), status, "{token:?}");
        assert_eq!(envoy.log().contains("other than visible ASCII"), status == 404);
    }
}
