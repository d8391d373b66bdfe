//! A green that hangs, in a real Envoy: it is found at the objective, while its streams are open.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use reqwest::blocking::Client;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::ramp_fixture::{
    RAMP_TIMEOUT, decision_log, read_counter, read_gauge, wait_for_phase, with_clients,
};
use crate::envoy::process::{wait_at_most, wait_for};
use crate::envoy::upstream::Upstream;
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::proxy::config;
use crate::proxy::phase::{RAMPING, ROLLED_BACK};

/// A client continues with the next user if an answer takes so long. Its stream stays open.
const PATIENCE: Duration = Duration::from_millis(200);

/// A ramp at 25 % that does not advance, with a gate on slow responses, and small alpha.
fn ramp(slow_rate: &Value) -> Value {
    let gates = json!([slow_rate, {"metric": "error_rate"}]);
    let steps = json!([25, 50, 100]);
    config(json!({"ramp": {
        "steps": steps, "bake": "1h", "alpha": 1e-6, "gates": gates, "tripwires": [],
    }}))
}

fn start(config: &Value) -> Envoy {
    let filter = filter_yaml(config);
    let envoy = Envoy::start_with(&Setup { filter: Some(&filter), ..Setup::default() });
    wait_for("the first step", || (read_gauge(&envoy, "green_bp") == 2500).then_some(()));
    envoy.upstreams.iter().for_each(Upstream::release_streams);
    envoy
}

/// Runs `work` while new users send requests, and leave their streams open that hang.
fn under_load_with_open_streams<T>(envoy: &Envoy, path: &str, work: impl FnOnce() -> T) -> T {
    let runtime = Runtime::new().unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}{path}", envoy.url);
    let send = |_: &Client, user: String| {
        let (ended, has_ended) = mpsc::channel();
        let request = client.post(&url).header("x-user-id", user).send();
        runtime.spawn(async move {
            if let Ok(response) = request.await {
                let _ = response.bytes().await;
            }
            let _ = ended.send(());
        });
        let _ = has_ended.recv_timeout(PATIENCE);
    };
    let result = with_clients(send, work);
    runtime.shutdown_background();
    result
}

/// Waits until green is rolled back, and asserts that none of its streams has ended before that.
fn assert_found_while_open(envoy: &Envoy, what: &str, hang: impl FnOnce()) {
    let requests = || read_counter(envoy, "green", "requests");
    let (requests_before, began) = (requests(), Instant::now());
    hang();
    wait_for_phase(envoy, ROLLED_BACK);
    let (requests, took) = (requests() - requests_before, began.elapsed());
    println!("{what}: rolled back in {took:?}, after {requests} requests of green");
    let log = decision_log(envoy);
    assert!(log.contains("green is worse: ") && log.contains("slow_rate"), "{log}");
    // A stream that has ended would be a success, a failure or an abort.
    for failed in ["errors", "aborted", "responses_5xx"] {
        assert_eq!(read_counter(envoy, "green", failed), 0, "{failed}");
    }
    let slow = |version| read_counter(envoy, version, "evidence_slow.s0");
    assert!(slow("green") >= 20, "{log}");
}

/// A green that never answers, and one that answers with headers and a first event alone.
#[test]
fn a_green_that_hangs_is_rolled_back_at_the_objective() {
    let config = ramp(&json!({"metric": "slow_rate", "objective": "1s"}));
    type Hang = fn(&Upstream);
    let cases: [(&str, &str, Hang); 2] = [
        ("no answer", "/v1/chat/completions", |green| green.set_stalled(true)),
        ("no end", "/hold", Upstream::hold_streams),
    ];
    for (what, path, hang) in cases {
        let envoy = start(&config);
        under_load_with_open_streams(&envoy, path, || {
            wait_at_most(RAMP_TIMEOUT, "evidence of both", || {
                let units = |version| read_counter(&envoy, version, "evidence_units.s0");
                (units("blue") > 50 && units("green") > 20).then_some(())
            });
            assert_eq!(read_gauge(&envoy, "phase"), RAMPING);
            assert_found_while_open(&envoy, what, || hang(&envoy.upstreams[1]));
        });
    }
}

#[test]
fn a_green_that_hangs_is_rolled_back_at_the_objective_that_blue_taught() {
    let envoy = start(&ramp(&json!({"metric": "slow_rate"})));
    let path = "/v1/chat/completions";
    under_load_with_open_streams(&envoy, path, || {
        wait_at_most(RAMP_TIMEOUT, "the objective", || {
            decision_log(&envoy).contains("slow_rate counts times above").then_some(())
        });
        assert_eq!(read_gauge(&envoy, "phase"), RAMPING, "{}", decision_log(&envoy));
        let green = &envoy.upstreams[1];
        assert_found_while_open(&envoy, "learned objective", || green.set_stalled(true));
    });
}
