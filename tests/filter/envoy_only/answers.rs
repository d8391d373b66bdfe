//! What answers tell, by the official clients' own word, of servers that speak the
//! providers' APIs.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use reqwest::blocking::Client;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::artifacts;
use crate::envoy::process::{Process, wait_for};
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::proxy::{Proxy as _, config, counter};

/// The counters of tokens.
pub const TOKENS: [&str; 5] =
    ["tokens_input", "tokens_cached", "tokens_cache_write", "tokens_output", "tokens_reasoning"];

/// An llmock and the port that it listens on.
pub fn llmock(folder: &Path) -> (Process, u16) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = Command::new(artifacts::python().with_file_name("llmock"));
    command.args(["serve", "-p", &port.to_string(), "--log-level", "warning"]);
    let process = Process::start(&mut command, &folder.join("llmock.log"));
    let client = Client::builder().no_proxy().build().unwrap();
    wait_for("llmock", || client.get(format!("http://127.0.0.1:{port}/health")).send().ok());
    (process, port)
}

/// An Envoy whose green is at that port.
pub fn envoy_with_green_at(port: u16, filter: &str) -> Envoy {
    Envoy::start_with(&Setup {
        filter: Some(filter),
        change: &|bootstrap, [_, green, _]| {
            bootstrap
                .replace(&format!("port_value: {}}}", green.port), &format!("port_value: {port}}}"))
        },
        ..Setup::default()
    })
}

#[test]
fn counters_equal_what_the_official_clients_report() {
    let folder = TempDir::with_prefix("verdigris-").unwrap();
    let (_llmock, port) = llmock(folder.path());
    let filter = filter_yaml(&config(json!({
        "weights": {"blue": 0, "green": 1},
        "answers": {"plain": true},
    })));
    let envoy = envoy_with_green_at(port, &filter);
    let reported = ask(&envoy, "usage.py", &[]);
    assert_eq!(reported["answers"], 27);
    assert!(reported["tokens_input"].as_u64() > Some(1000), "{reported:?}");
    assert_counters(&envoy, &reported);
}

/// What no server here tells with counts of its own: the recorded answers of Ollama and
/// Bedrock, those that are errors too, read by the clients that they are made for.
#[test]
fn counters_equal_what_ollama_and_boto3_report_of_recorded_answers() {
    let envoy = Envoy::start(&config(json!({
        "weights": {"blue": 0, "green": 1},
        "answers": {},
    })));
    let recorded = artifacts::recorded_answers();
    let names = recorded.iter().map(|answer| answer.name.as_str());
    // What boto3 refuses: aimock begins a block of text with `"start": {}`.
    let names: Vec<&str> = names
        .filter(|name| name.contains("ollama") || name.contains("bedrock"))
        .filter(|name| *name != "aimock-bedrock-stream")
        .collect();
    let reported = ask(&envoy, "replays.py", &names);
    assert_eq!(reported["answers"], names.len());
    assert_eq!(reported["errors"], 2);
    assert_eq!(reported["tokens_cache_write"], 600);
    assert_counters(&envoy, &reported);
}

/// What the clients of `tests/clients/<script>` report, having asked through Envoy.
fn ask(envoy: &Envoy, script: &str, arguments: &[&str]) -> Map<String, Value> {
    let output = Command::new(artifacts::python())
        .arg(artifacts::project().join("tests/clients").join(script))
        .arg(&envoy.url)
        .args(arguments)
        .env("NO_PROXY", "*")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{}", envoy.log());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn assert_counters(envoy: &Envoy, reported: &Map<String, Value>) {
    let of = |metric: &str| reported.get(metric).map_or(0, |count| count.as_u64().unwrap());
    let stat = |metric: &str| envoy.read_stat(&counter("green", metric));
    // A stream is counted when Envoy has done with it, a moment after its client.
    wait_for("all answers", || (stat("answers") == Some(of("answers"))).then_some(()));
    for metric in TOKENS.iter().chain(&["errors", "aborted", "unread"]) {
        assert_eq!(stat(metric), Some(of(metric)), "{metric}");
    }
}
