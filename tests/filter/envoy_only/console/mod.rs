//! The console of a real Envoy.

mod agreement;
mod closed;
mod console_lifecycle;
mod frozen;
mod rejected;
mod steering;

use reqwest::blocking::Response;
use serde_json::Value;
use verdigris::console::View;

use crate::envoy::{Envoy, Setup, filter_yaml};

const TOKEN: &str = "a-token-that-is-long";

fn start(config: &Value, token: Option<&'static str>, workers: u32) -> Envoy {
    let filter = filter_yaml(config);
    Envoy::start_with(&Setup { filter: Some(&filter), token, workers, ..Setup::default() })
}

fn console(envoy: &Envoy, path: &str) -> String {
    format!("{}{path}", envoy.console.as_ref().unwrap())
}

/// Asks by a connection of its own, which another worker may have.
fn view(envoy: &Envoy) -> View {
    let answer = envoy.one_off.get(console(envoy, "/state.json")).send().unwrap();
    assert_eq!(answer.status(), 200);
    serde_json::from_slice(&answer.bytes().unwrap()).unwrap()
}

fn order(envoy: &Envoy, order: &str, body: &Value) -> Response {
    let request = envoy.one_off.post(console(envoy, &format!("/{order}")));
    request.bearer_auth(TOKEN).body(body.to_string()).send().unwrap()
}
