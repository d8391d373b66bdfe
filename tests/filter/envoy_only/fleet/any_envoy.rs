//! What one Envoy of a fleet has given to a client, and another one gets back.

use serde_json::json;

use super::gateways::{Gateways, fleet_config};
use super::shared_store::Kind;
use super::steering::command;
use crate::envoy::Envoy;
use crate::envoy::process::wait_for;
use crate::envoy_only::ramp_fixture::read_counter;

on_each_store!(a_receipt_is_valid_at_any_envoy, a_conversation_keeps_its_version_at_any_envoy);

fn of_both(envoy: &Envoy, metric: &str) -> u64 {
    ["blue", "green"].map(|version| read_counter(envoy, version, metric)).iter().sum()
}

/// Waits until all workers have what the store has: then each answer to this request has this header. Each
/// worker learns it at its own tick.
fn wait_for_workers(gateways: &Gateways, request_header: (&str, &str), header: &str) {
    let (name, value) = request_header;
    for envoy in &gateways.envoys {
        let has_header = |_| {
            let request = envoy.unpooled_client.post(format!("{}/model/completions", envoy.url));
            let answer = request.header(name, value).send().unwrap();
            let has_header = answer.headers().contains_key(header);
            answer.bytes().unwrap();
            has_header
        };
        wait_for(header, || (0..32).all(has_header).then_some(()));
    }
}

fn a_receipt_is_valid_at_any_envoy(kind: Kind) {
    const VOTES: u64 = 20;
    let mut config = fleet_config(kind, json!({"bake": "1h"}));
    config["feedback"] = json!({"path": "/feedback", "thumb": "/thumb"});
    let gateways = Gateways::start(2, kind, &config);
    gateways.wait_for_gauge("green_bp", 2500);
    wait_for_workers(&gateways, ("x-user-id", "ada"), "x-verdigris-step");
    let [first, second] = [0, 1].map(|index| &gateways.envoys[index]);
    let receipt_of = |user: &str| {
        let url = format!("{}/model/completions", first.url);
        let answer = first.client.post(url).header("x-user-id", user).send().unwrap();
        let receipt = answer.headers()["x-verdigris-step"].to_str().unwrap().to_owned();
        answer.bytes().unwrap();
        receipt
    };
    let vote = |user: &str, receipt: &str| {
        let request = second.client.post(format!("{}/feedback", second.url));
        let request = request.header("x-user-id", user).header("x-verdigris-step", receipt);
        assert_eq!(request.body(r#"{"thumb": "up"}"#).send().unwrap().status(), 204);
    };
    for number in 0..VOTES {
        let user = format!("user-{number}");
        vote(&user, &receipt_of(&user));
    }
    wait_for("the votes", || (of_both(second, "feedback_up") == VOTES).then_some(()));
    assert_eq!(of_both(second, "feedback_unproved"), 0);
    // Of another user, it proves nothing there either.
    vote("mallory", &receipt_of("user-0"));
    wait_for("the forged vote", || (of_both(second, "feedback_unproved") == 1).then_some(()));
}

fn a_conversation_keeps_its_version_at_any_envoy(kind: Kind) {
    const MARKER: &str = "x-verdigris-began";
    let mut config = fleet_config(kind, json!({"bake": "1h"}));
    config["conversation"] = json!({"id": {"header": "x-chat"}});
    let gateways = Gateways::start(2, kind, &config);
    gateways.wait_for_gauge("green_bp", 2500);
    wait_for_workers(&gateways, ("x-chat", "talk"), MARKER);
    // The version that answers, and the marker of a conversation that begins.
    let send = |index: usize, id: &str, marker: Option<&str>| {
        let envoy = &gateways.envoys[index];
        let request = envoy.unpooled_client.post(format!("{}/model/completions", envoy.url));
        let mut request = request.header("x-chat", id);
        if let Some(marker) = marker {
            request = request.header(MARKER, marker);
        }
        let answer = request.send().unwrap();
        let header = |name: &str| Some(answer.headers().get(name)?.to_str().unwrap().to_owned());
        let found = (header("x-verdigris-version").unwrap(), header(MARKER));
        answer.bytes().unwrap();
        found
    };
    let ids: Vec<String> = (0..40).map(|number| format!("talk-{number}")).collect();
    wait_for("a conversation on green", || {
        ids.iter().any(|id| send(0, id, None).0 == "green").then_some(())
    });
    let begun: Vec<_> = (0..).zip(&ids).map(|(number, id)| send(number % 2, id, None)).collect();
    let weights = json!({"reason": "more", "weights": {"blue": 0, "green": 100}});
    let (status, text) = command(&gateways, 1, "weights", &weights);
    assert_eq!(status, 200, "{text}");
    gateways.wait_for_gauge("green_bp", 10_000);
    for index in [0, 1] {
        wait_for("all new conversations on green", || {
            ids.iter().all(|id| send(index, id, None).0 == "green").then_some(())
        });
    }
    let blue = begun.iter().filter(|(version, _)| version == "blue").count();
    assert!(blue > 0, "{begun:?}");
    for ((id, (version, marker)), number) in ids.iter().zip(&begun).zip(1..) {
        let (now, _) = send(number % 2, id, marker.as_deref());
        assert_eq!(&now, version, "{id} at another Envoy");
    }
}
