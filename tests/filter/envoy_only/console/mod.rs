//! The console of a real Envoy.

mod access;
mod agreement;
mod frozen_evidence;
mod health;
mod lifecycle;
mod new_module;
mod rejected;
mod steering;

use reqwest::blocking::Response;
use serde_json::Value;
use verdigris::console::View;

use crate::envoy::{Envoy, Setup, filter_yaml};

pub const TOKEN: &str = "a-token-that-is-long";

fn start(config: &Value, token: Option<&'static str>, workers: u32) -> Envoy {
    let filter = filter_yaml(config);
    Envoy::start_with(&Setup { filter: Some(&filter), token, workers, ..Setup::default() })
}

fn console_url(envoy: &Envoy, path: &str) -> String {
    format!("{}{path}", envoy.console.as_ref().unwrap())
}

/// Reads `/state.json` over a new connection, which any worker may handle.
pub fn read_view(envoy: &Envoy) -> View {
    let answer = envoy.unpooled_client.get(console_url(envoy, "/state.json")).send().unwrap();
    assert_eq!(answer.status(), 200);
    serde_json::from_slice(&answer.bytes().unwrap()).unwrap()
}

pub fn send_command(envoy: &Envoy, command: &str, body: &Value) -> Response {
    let request = envoy.unpooled_client.post(console_url(envoy, &format!("/{command}")));
    request.bearer_auth(TOKEN).body(body.to_string()).send().unwrap()
}
