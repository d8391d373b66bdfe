//! The Kubernetes API as Envoy reaches it: its token, each way in which calls fail, and what Envoy refuses.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use super::assert_requests_flow;
use crate::envoy::process::wait_for;
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::envoy_only::capabilities::envoy_without;
use crate::kube_server::{ApiFault, KubeServer};
use crate::proxy::config;

const STATE: &str = "verdigris-assistant-v8-rollout";

fn fleet() -> Value {
    config(json!({
        "ramp": {"steps": [50, 100], "bake": "1h"},
        "fleet": {
            "store": "kubernetes", "cluster": "kubernetes", "namespace": "gateways",
            "interval": "500ms",
        },
    }))
}

/// Starts Envoy with the server's cluster and these further lines of it.
fn start(server: &KubeServer, lines: &str) -> Envoy {
    let filter = filter_yaml(&fleet());
    let clusters = format!("  clusters:\n{}{lines}", server.cluster());
    Envoy::start_with(&Setup {
        filter: Some(&filter),
        edit_bootstrap: &|bootstrap, _| bootstrap.replacen("  clusters:\n", &clusters, 1),
        ..Setup::default()
    })
}

fn wait_for_state(server: &KubeServer) {
    wait_for("the fleet's state", || server.has(STATE).then_some(()));
}

fn wait_until_away(envoy: &Envoy, since: usize) {
    wait_for("the store to be away", || envoy.log()[since..].contains("is away").then_some(()));
}

fn wait_until_back(envoy: &Envoy, since: usize) {
    wait_for("the store to be back", || envoy.log()[since..].contains("is back").then_some(()));
}

#[test]
fn a_token_that_is_replaced_in_its_file_is_used_at_once() {
    let server = KubeServer::start();
    let mut envoy = start(&server, "");
    wait_for_state(&server);
    for token in ["second-token", "third-token"] {
        let before = envoy.log().len();
        server.require_token(token);
        wait_until_away(&envoy, before);
        assert!(envoy.log()[before..].contains("the Kubernetes API answers 401"));
        assert_requests_flow(&mut envoy);
        server.rotate_token(token);
        wait_until_back(&envoy, before);
    }
    // A rotation in time goes unnoticed.
    let before = envoy.log().len();
    server.rotate_token("fourth-token");
    server.wait_for_calls(4);
    assert!(envoy.log()[before..].matches("is away").count() <= 1);
}

#[test]
fn requests_flow_whatever_goes_wrong_with_the_calls_and_the_state_is_written_at_last() {
    let server = KubeServer::start();
    let faults = [
        ApiFault::LoseRequest,
        ApiFault::LoseAnswer,
        ApiFault::CutAnswer(100),
        ApiFault::CutAnswer(500),
        ApiFault::CutAnswer(999),
        ApiFault::Status(401),
        ApiFault::Status(403),
        ApiFault::Status(404),
        ApiFault::Status(409),
        ApiFault::Status(410),
        ApiFault::Status(500),
        ApiFault::Status(503),
        ApiFault::TooMany(1),
        ApiFault::Page(200),
        ApiFault::Page(404),
        ApiFault::Page(502),
        ApiFault::Delay(Duration::from_millis(200)),
    ];
    let mut rng = StdRng::seed_from_u64(23);
    server.set_faults(move |_| Some(faults[rng.random_range(0..faults.len())]));
    let mut envoy = start(&server, "");
    let mut calls = 0;
    wait_for("50 failed calls", || {
        assert_requests_flow(&mut envoy);
        calls += server.take_calls().len();
        (calls >= 50).then_some(())
    });
    server.set_faults(|_| None);
    wait_for_state(&server);
    assert_requests_flow(&mut envoy);
}

/// Envoy buffers 32 MiB of an answer to a filter.
#[test]
fn an_answer_of_33_mebibytes_is_no_answer_and_no_trap() {
    let server = KubeServer::start();
    let mut envoy = start(&server, "");
    wait_for_state(&server);
    let before = envoy.log().len();
    server.set_faults(|_| Some(ApiFault::Large));
    wait_until_away(&envoy, before);
    assert_requests_flow(&mut envoy);
    server.set_faults(|_| None);
    wait_until_back(&envoy, before);
}

#[test]
fn a_refusal_with_retry_after_is_followed_by_a_pause() {
    let server = KubeServer::start();
    let mut envoy = start(&server, "");
    wait_for_state(&server);
    server.take_calls();
    let mut is_first = true;
    server.set_faults(move |_| std::mem::take(&mut is_first).then_some(ApiFault::TooMany(3)));
    let mut calls = Vec::new();
    let (refused, next) = wait_for("a call after the refused one", || {
        calls.extend(server.take_calls());
        let refused = calls.iter().position(|it| it.fault.is_some())?;
        Some((calls[refused].at, calls.get(refused + 1)?.at))
    });
    // The interval is half a second.
    let pause = next - refused;
    assert!(pause > Duration::from_millis(2500), "{pause:?}");
    assert_requests_flow(&mut envoy);
}

#[test]
fn a_circuit_breaker_that_is_open_is_no_answer_and_no_trap() {
    let server = KubeServer::start();
    let breaker = "    circuit_breakers: {thresholds: [{max_requests: 0}]}\n";
    let mut envoy = start(&server, breaker);
    wait_until_away(&envoy, 0);
    assert_requests_flow(&mut envoy);
    assert!(!server.has(STATE));
}

#[test]
fn a_cluster_that_does_not_exist_is_no_answer_and_no_trap() {
    let filter = filter_yaml(&fleet());
    let mut envoy = Envoy::start_with(&Setup { filter: Some(&filter), ..Setup::default() });
    wait_until_away(&envoy, 0);
    assert_requests_flow(&mut envoy);
}

#[test]
fn a_reload_during_calls_is_no_trap() {
    let server = KubeServer::start();
    server.set_faults(|_| Some(ApiFault::Delay(Duration::from_millis(300))));
    let mut envoy = start(&server, "");
    wait_for_state(&server);
    for minutes in 1..4 {
        let mut changed = fleet();
        changed["ramp"]["bake"] = json!(format!("{minutes}h"));
        envoy.write_filter(&filter_yaml(&changed)).unwrap();
        server.wait_for_calls(3);
        assert_requests_flow(&mut envoy);
    }
}

#[test]
fn calls_that_a_restriction_leaves_out_are_a_message_and_no_trap() {
    for left_out in ["proxy_http_call", "proxy_set_effective_context"] {
        let mut envoy = envoy_without(&[left_out], &fleet());
        let message = "capability_restriction_config leaves the call out";
        wait_for(left_out, || envoy.log().contains(message).then_some(()));
        assert_requests_flow(&mut envoy);
    }
}
