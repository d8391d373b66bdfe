//! The counters of answers agree with what the providers' official clients report.

use std::path::Path;
use std::process::Command;

use reqwest::blocking::Client;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::artifacts;
use crate::envoy::process::{Process, TIMEOUT, wait_for};
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::port::Port;
use crate::proxy::{Proxy as _, config, counter};

pub const TOKEN_COUNTERS: [&str; 5] =
    ["tokens_input", "tokens_cached", "tokens_cache_write", "tokens_output", "tokens_reasoning"];

/// A running llmock, an emulator of the providers' APIs.
pub struct Llmock {
    _process: Process,
    port: Port,
}

impl Llmock {
    /// Starts llmock, which logs to a file in `folder`, and waits until it answers.
    pub fn start(folder: &Path) -> Self {
        let port = Port::reserve();
        let number = port.number.to_string();
        // As `llmock serve`, but with a longer keep-alive. By default Uvicorn closes a connection
        // after five idle seconds, which would race with a request that Envoy sends on it.
        let mut command = Command::new(artifacts::python());
        command.args(["-m", "uvicorn", "llmock.main:create_app", "--factory"]);
        command.args(["--port", &number, "--log-level", "warning"]);
        command.args(["--timeout-keep-alive", "3600"]);
        let mut process = Process::start(&mut command, &folder.join("llmock.log"));
        let client = Client::builder().no_proxy().timeout(TIMEOUT).build().unwrap();
        wait_for("llmock", || {
            assert!(process.exit_success().is_none(), "llmock ended:\n{}", process.log());
            client.get(format!("http://127.0.0.1:{number}/health")).send().ok()
        });
        Self { _process: process, port }
    }

    pub fn port(&self) -> u16 {
        self.port.number
    }
}

/// Starts Envoy with green at `port`.
pub fn envoy_with_green_at(port: u16, filter: &str) -> Envoy {
    Envoy::start_with(&Setup {
        filter: Some(filter),
        edit_bootstrap: &|bootstrap, [_, green, _]| {
            bootstrap
                .replace(&format!("port_value: {}}}", green.port), &format!("port_value: {port}}}"))
        },
        ..Setup::default()
    })
}

#[test]
fn counters_equal_what_the_official_clients_report() {
    let folder = TempDir::with_prefix("verdigris-").unwrap();
    let llmock = Llmock::start(folder.path());
    let filter = filter_yaml(&config(json!({
        "weights": {"blue": 0, "green": 1},
        "answers": {"plain": true},
    })));
    let envoy = envoy_with_green_at(llmock.port(), &filter);
    let reported = run_clients(&envoy, "usage.py", &[]);
    assert_eq!(reported["answers"], 27);
    assert!(reported["tokens_input"].as_u64() > Some(1000), "{reported:?}");
    assert_counters(&envoy, &reported);
}

/// No emulator speaks the APIs of Ollama and Bedrock, so that their clients read the recorded
/// answers, which include errors.
#[test]
fn counters_equal_what_ollama_and_boto3_report_of_recorded_answers() {
    let envoy = Envoy::start(&config(json!({
        "weights": {"blue": 0, "green": 1},
        "answers": {},
    })));
    let recorded = artifacts::recorded_answers();
    let names = recorded.iter().map(|answer| answer.name.as_str());
    // boto3 refuses one answer: aimock begins a block of text with `"start": {}`.
    let names: Vec<&str> = names
        .filter(|name| name.contains("ollama") || name.contains("bedrock"))
        .filter(|name| *name != "aimock-bedrock-stream")
        .collect();
    let reported = run_clients(&envoy, "replays.py", &names);
    assert_eq!(reported["answers"], names.len());
    assert_eq!(reported["errors"], 2);
    assert_eq!(reported["tokens_cache_write"], 600);
    assert_counters(&envoy, &reported);
}

/// Runs the clients of `tests/clients/<script>` through Envoy. Returns the counts that they
/// report.
fn run_clients(envoy: &Envoy, script: &str, arguments: &[&str]) -> Map<String, Value> {
    let output = Command::new(artifacts::python())
        .arg(artifacts::project().join("tests/clients").join(script))
        .arg(&envoy.url)
        .args(arguments)
        .env("NO_PROXY", "*")
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}\n{}", envoy.log());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn assert_counters(envoy: &Envoy, reported: &Map<String, Value>) {
    let count = |metric: &str| reported.get(metric).map_or(0, |count| count.as_u64().unwrap());
    let metrics = ["answers", "errors", "aborted", "unread"].into_iter().chain(TOKEN_COUNTERS);
    let expected = metrics.map(|metric| (counter("green", metric), count(metric)));
    envoy.wait_for_stats(&expected.collect::<Vec<_>>());
}
