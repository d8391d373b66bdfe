//! Gateways for LLMs, each with its own weighted routing.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::artifacts;
use crate::http::{Connection, chat_body};
use crate::process::{Process, wait_at_most};
use crate::target::{PATH, PROXY_CPU, Target};

/// LiteLLM needs a minute to import its modules.
const START_TIMEOUT: Duration = Duration::from_secs(300);

/// Starts LiteLLM's proxy with one worker, without a database, with weighted `simple-shuffle`.
pub fn litellm(upstream: u16) -> Target {
    let deployment = |weight: u32| {
        json!({
            "model_name": "gpt-4o-mini",
            "litellm_params": {
                "model": "openai/gpt-4o-mini",
                "api_base": format!("http://127.0.0.1:{upstream}/v1"),
                "api_key": "none",
                "weight": weight,
            },
        })
    };
    let config = json!({
        "model_list": [deployment(95), deployment(5)],
        "router_settings": {"routing_strategy": "simple-shuffle"},
    });
    let folder = TempDir::with_prefix("verdigris-bench-").unwrap();
    // JSON is valid YAML.
    fs::write(folder.path().join("litellm.yaml"), config.to_string()).unwrap();
    let port = free_port();
    let mut command = pinned_command(artifacts::tool("litellm/bin/litellm"));
    command
        .args(["--config", "litellm.yaml", "--num_workers", "1", "--telemetry", "False"])
        .args(["--host", "127.0.0.1", "--port", &port.to_string()])
        .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        // No contestant authenticates clients.
        .env("LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY", "true");
    start("LiteLLM", command, folder, port, Vec::new())
}

/// Starts Portkey's gateway with its `loadbalance` strategy.
pub fn portkey(upstream: u16) -> Target {
    let target = |weight: f64| {
        json!({
            "provider": "openai",
            "custom_host": format!("http://127.0.0.1:{upstream}/v1"),
            "api_key": "none",
            "weight": weight,
        })
    };
    let config: Value =
        json!({"strategy": {"mode": "loadbalance"}, "targets": [target(0.95), target(0.05)]});
    let port = free_port();
    let mut command = pinned_command("node".into());
    command
        .arg(artifacts::tool("portkey/node_modules/@portkey-ai/gateway/build/start-server.js"))
        .args(["--headless", &format!("--port={port}")])
        .env("TRUSTED_CUSTOM_HOSTS", "127.0.0.1,localhost");
    let headers = vec![("x-portkey-config".to_owned(), config.to_string())];
    start("Portkey", command, TempDir::with_prefix("verdigris-bench-").unwrap(), port, headers)
}

fn pinned_command(program: PathBuf) -> Command {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", PROXY_CPU]).arg(program);
    command
}

/// Starts a gateway and waits until it answers.
fn start(
    name: &str,
    mut command: Command,
    folder: TempDir,
    port: u16,
    headers: Vec<(String, String)>,
) -> Target {
    command.current_dir(folder.path());
    let mut process = Process::start(&mut command, &folder.path().join("log"));
    let request_headers: Vec<_> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    wait_at_most(START_TIMEOUT, name, || {
        assert!(process.exit_success().is_none(), "{name} ended");
        let mut connection = Connection::open(port).ok()?;
        let mut answer = Vec::new();
        let status =
            connection.post(PATH, &request_headers, &chat_body(None), |piece| answer.extend(piece));
        let status = status.unwrap_or_else(|error| panic!("unexpected answer of {name}: {error}"));
        assert!(status != 400, "{name} refuses the request: {}", String::from_utf8_lossy(&answer));
        (status == 200).then_some(())
    });
    Target { name: name.to_owned(), port, headers, process, _folder: folder }
}

/// A port that is free at this time.
fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}
