//! Thumbs and scores as evidence, in a real Envoy.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::blocking::Client;
use serde_json::{Value, json};

use super::ramp::{
    GOOD, RAMP, ROLLED_BACK, counter, new_client, set_models, wait_for_gauges, while_clients,
};
use crate::envoy::process::wait_at_most;
use crate::envoy::{Envoy, filter_yaml};
use crate::proxy::{Proxy as _, config};

fn ramp(differs: Value) -> Value {
    let mut ramp = json!({
        "steps": [50, 75, 100], "bake": "1s", "warmup": "0s", "tripwires": [],
        "gates": [{"metric": "error_rate"}],
    });
    ramp.as_object_mut().unwrap().extend(differs.as_object().unwrap().clone());
    config(json!({
        "ramp": ramp,
        "feedback": {"path": "/feedback", "thumb": "/thumb", "score": "/score"},
    }))
}

fn start(config: &Value) -> Envoy {
    let envoy = Envoy::start(config);
    set_models(&envoy, [GOOD, GOOD]);
    envoy
}

/// An answer, as who has asked can vote on it.
#[derive(Clone)]
struct Answered {
    user: String,
    version: String,
    receipt: String,
}

fn ask(envoy: &Envoy, client: &Client, user: String) -> Answered {
    let url = format!("{}/model/completions", envoy.url);
    let response = client.post(url).header("x-user-id", &user).send().unwrap();
    let header = |name| response.headers()[name].to_str().unwrap().to_owned();
    let (version, receipt) = (header("x-verdigris-version"), header("x-verdigris-step"));
    response.bytes().unwrap();
    Answered { user, version, receipt }
}

fn vote(envoy: &Envoy, client: &Client, on: &Answered, body: &Value) -> u16 {
    let url = format!("{}/feedback", envoy.url);
    let request = client.post(url).header("x-user-id", &on.user);
    let request = request.header("x-verdigris-step", &on.receipt).body(body.to_string());
    request.send().unwrap().status().as_u16()
}

/// Users ask until `work` is done, each once, and then do what `after` has them do.
fn under_load(envoy: &Envoy, after: impl Fn(&Client, Answered) + Sync, work: impl FnOnce()) {
    let ask_once = |client: &Client, user| after(client, ask(envoy, client, user));
    while_clients(ask_once, work);
}

#[test]
fn a_green_that_is_disliked_is_rolled_back() {
    for (metric, [bad, good]) in [
        ("thumbs_down_rate", [json!({"thumb": "down"}), json!({"thumb": "up"})]),
        ("score", [json!({"score": 0.3}), json!({"score": 0.8})]),
    ] {
        let envoy = start(&ramp(json!({"gates": [{"metric": metric}, {"metric": "error_rate"}]})));
        let votes = AtomicU64::new(0);
        let after = |client: &Client, answered: Answered| {
            let number = votes.fetch_add(1, Ordering::Relaxed);
            // One in ten dislikes blue, and one in three green.
            let one_in = if answered.version == "green" { 3 } else { 10 };
            let body = if number.is_multiple_of(one_in) { &bad } else { &good };
            assert_eq!(vote(&envoy, client, &answered, body), 204);
        };
        under_load(&envoy, after, || {
            wait_for_gauges(&envoy, &[("phase", ROLLED_BACK)]);
        });
        wait_for_gauges(&envoy, &[("phase", ROLLED_BACK), ("green_bp", 0)]);
        let log = envoy.log();
        let decision = log.lines().find(|line| line.contains("green is worse")).unwrap();
        // Of the gates only this one has anything to say against green.
        assert!(decision.contains("error_rate undecided") || decision.contains("error_rate pass"));
        assert!(decision.contains(&format!("; {metric} ")), "{decision}");
        assert_eq!(counter(&envoy, "green", "feedback_unproved"), 0);
    }
}

#[test]
fn votes_land_in_the_step_that_answered_once_for_each_unit() {
    let envoy = start(&ramp(json!({
        // The second step stays: the units of the two latest are remembered.
        "steps": [50, 75, {"percent": 100, "approve": true}],
        "gates": [
            {"metric": "error_rate"},
            {"metric": "thumbs_down_rate", "critical": false},
            {"metric": "score", "critical": false},
        ],
    })));
    let first = Mutex::new(Vec::new());
    let keep = |_: &Client, answered: Answered| first.lock().unwrap().push(answered);
    under_load(&envoy, keep, || {
        wait_for_gauges(&envoy, &[("step", 1)]);
    });
    let first = first.into_inner().unwrap();
    let of_first = |version: &str| {
        let step = |it: &&Answered| it.receipt.starts_with(&format!("{version}.1.new."));
        first.iter().filter(step).take(20).cloned().collect::<Vec<_>>()
    };
    let (blue, green) = (of_first("blue"), of_first("green"));
    assert_eq!((blue.len(), green.len()), (20, 20));

    let client = new_client();
    let down = json!({"thumb": "down", "score": 0.5});
    for answered in green.iter().chain(&blue[..5]) {
        // Only a unit's first vote is evidence.
        for _ in 0..3 {
            assert_eq!(vote(&envoy, &client, answered, &down), 204);
        }
    }
    // Of another unit, of another step, of another version.
    let Answered { user, receipt, .. } = green[0].clone();
    let other = blue[10].clone();
    let forged = [
        Answered { receipt: receipt.clone(), ..other.clone() },
        Answered { receipt: receipt.replace(".1.", ".2."), user: user.clone(), ..other.clone() },
        Answered { receipt: receipt.replace("green", "blue"), user, ..other.clone() },
        Answered { receipt: "green.1.new.0000000000000000".into(), ..other },
    ];
    for answered in &forged {
        assert_eq!(vote(&envoy, &client, answered, &down), 204);
    }
    let evidence = |version: &str, name: &str, step: u32| {
        counter(&envoy, version, &format!("evidence_{name}.s{step}"))
    };
    for name in ["thumbs", "thumbs_down", "scores"] {
        let of = |version| crate::proxy::counter(version, &format!("evidence_{name}.s0"));
        envoy.wait_for_stats(&[(of("green"), 20), (of("blue"), 5)]);
    }
    for name in ["thumbs", "thumbs_down", "scores"] {
        assert_eq!((evidence("green", name, 0), evidence("blue", name, 0)), (20, 5), "{name}");
        assert_eq!((evidence("green", name, 1), evidence("blue", name, 1)), (0, 0), "{name}");
    }
    let all = |name: &str| counter(&envoy, "green", name) + counter(&envoy, "blue", name);
    assert_eq!((all("feedback_down"), all("feedback_unproved")), (3 * 25 + 4, 4));
    assert_eq!((all("score_count"), all("score_milli_sum")), (3 * 25 + 4, 500 * (3 * 25 + 4)));

    // After a new beginning what was answered before is shown, and no evidence.
    let mut again = ramp(json!({"gates": [{"metric": "thumbs_down_rate"}], "restart": "again"}));
    again["ramp"]["bake"] = json!("1h");
    envoy.write_filter(&filter_yaml(&again)).unwrap();
    wait_for_gauges(&envoy, &[("step", 0)]);
    assert_eq!(vote(&envoy, &client, &blue[7], &down), 204);
    // Each worker learns of it in its time.
    let is_fresh = |it: &Answered| !it.receipt.contains(".1.") && !it.receipt.contains(".2.");
    let mut users = 0..;
    let fresh = wait_at_most(RAMP, "an answer of the new beginning", || {
        Some(ask(&envoy, &client, format!("fresh-{}", users.next()?))).filter(is_fresh)
    });
    assert_eq!(vote(&envoy, &client, &fresh, &down), 204);
    let version = fresh.version.as_str();
    let before = if version == "green" { 20 } else { 5 };
    wait_at_most(RAMP, "the vote", || (evidence(version, "thumbs", 0) > before).then_some(()));
    assert_eq!(evidence("green", "thumbs", 0) + evidence("blue", "thumbs", 0), 26);
}
