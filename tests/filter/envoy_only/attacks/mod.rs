//! Attacks on a ramp in the real Envoy, beside honest traffic. Each prints its figure for the table in
//! `docs/reference/attacks.md`.

mod accounts;
mod frames;
mod outage;
mod votes;

use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::blocking::{Client, Response};
use serde_json::{Value, json};

use super::ramp_fixture::{
    GOOD_MODEL, RAMP_TIMEOUT, decision_log, new_client, read_counter, read_gauge,
    start_with_models, with_clients,
};
use crate::envoy::Envoy;
use crate::envoy::process::wait_at_most;
use crate::envoy::upstream::{FAIL_HEADER, Model};
use crate::proxy::phase::{HOLDING, RAMPING, ROLLED_BACK};
use crate::proxy::{config, set_fields};

/// Some 40 requests a second by the eight clients of the fixture.
const HONEST: Model = Model { first_token_ms: 130, ..GOOD_MODEL };

/// A ramp that stays in its first step, with further fields of it.
fn ramp(percent: u64, fields: Value) -> Value {
    let mut ramp = json!({"steps": [percent, 100], "bake": "1h"});
    set_fields(&mut ramp, &fields);
    config(json!({"ramp": ramp}))
}

/// Starts Envoy with a ramp in its first step.
fn start(config: &Value, model: Model) -> Envoy {
    let envoy = start_with_models(config, 2, [model, model]);
    wait_at_most(RAMP_TIMEOUT, "the step", || (read_gauge(&envoy, "green_bp") > 0).then_some(()));
    envoy
}

/// Clients of one attacker, who sees in each answer which version an account is on.
struct Attacker<'a> {
    envoy: &'a Envoy,
    client: Client,
    accounts: AtomicU64,
}

impl<'a> Attacker<'a> {
    fn new(envoy: &'a Envoy) -> Self {
        Self { envoy, client: new_client(), accounts: AtomicU64::new(0) }
    }

    /// Sends a request of an account, which the model answers with this failure.
    fn send(&self, account: &str, failure: Option<&str>) -> Response {
        let request = self.client.post(format!("{}/model/completions", self.envoy.url));
        let request = request.header("x-user-id", account);
        let request = match failure {
            Some(failure) => request.header(FAIL_HEADER, failure),
            None => request,
        };
        request.send().unwrap()
    }

    /// A new account that is on green, as the answer to a good request says.
    fn account_on_green(&self) -> String {
        loop {
            let account = format!("attacker-{}", self.accounts.fetch_add(1, Ordering::Relaxed));
            let found = self.client.get(format!("{}/v1/models", self.envoy.url));
            let found = found.header("x-user-id", &account).send().unwrap();
            if found.headers()["x-verdigris-version"] == "green" {
                return account;
            }
        }
    }
}

/// Waits until the evidence has honest requests that were sent after this call, and so all that came
/// before; or until the ramp is rolled back, which ends the evidence.
fn wait_for_later_evidence(envoy: &Envoy) {
    let units = || read_counter(envoy, "blue", "evidence_units.s0");
    let before = units();
    wait_at_most(RAMP_TIMEOUT, "later evidence", || {
        (units() > before + 40 || read_gauge(envoy, "phase") == ROLLED_BACK).then_some(())
    });
}

/// Asserts that the ramp is not rolled back.
fn assert_in_force(envoy: &Envoy) {
    let phase = read_gauge(envoy, "phase");
    assert!([RAMPING, HOLDING].contains(&phase), "{phase}: {}", decision_log(envoy));
    assert!(read_gauge(envoy, "green_bp") > 0);
}

/// Runs `attack` while honest users send requests.
fn beside_honest_traffic<T>(envoy: &Envoy, attack: impl FnOnce(&Attacker<'_>) -> T) -> T {
    let honest = Attacker::new(envoy);
    let send = |client: &Client, user: String| {
        let request = client.post(format!("{}/model/completions", honest.envoy.url));
        let _ = request.header("x-user-id", user).send().and_then(Response::bytes);
    };
    with_clients(send, || {
        wait_for_later_evidence(envoy);
        attack(&Attacker::new(envoy))
    })
}

/// Calls `act` until the ramp is rolled back, and lets the filter look after each call. Returns how often.
fn times_until_rolled_back(envoy: &Envoy, limit: u64, mut act: impl FnMut()) -> Option<u64> {
    for times in 1..=limit {
        act();
        wait_for_later_evidence(envoy);
        if read_gauge(envoy, "phase") == ROLLED_BACK {
            return Some(times);
        }
    }
    None
}
