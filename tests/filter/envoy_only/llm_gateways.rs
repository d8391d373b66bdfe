//! A release behind Envoy whose versions are models of LiteLLM's proxy.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use reqwest::blocking::Client;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::answers::Llmock;
use crate::artifacts;
use crate::envoy::process::{Process, TIMEOUT, wait_at_most};
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::port::Port;
use crate::proxy::{config, counter};

/// LiteLLM needs a minute to import its modules, and more on a busy machine.
const START_TIMEOUT: Duration = Duration::from_secs(300);

/// A running proxy of LiteLLM with the models `assistant` and `assistant-green`.
struct LiteLlm {
    _process: Process,
    port: Port,
}

impl LiteLlm {
    fn start(folder: &Path, provider: u16) -> Self {
        let model = |name: &str, model: &str| {
            json!({"model_name": name, "litellm_params": {
                "model": format!("openai/{model}"),
                "api_base": format!("http://127.0.0.1:{provider}/v1"),
                "api_key": "none",
            }})
        };
        let models =
            json!({"model_list": [model("assistant", BLUE), model("assistant-green", GREEN)]});
        // JSON is valid YAML.
        fs::write(folder.join("litellm.yaml"), models.to_string()).unwrap();
        let port = Port::reserve();
        let number = port.number.to_string();
        let mut command = Command::new(artifacts::tool("litellm/bin/litellm"));
        command
            .current_dir(folder)
            .args(["--config", "litellm.yaml", "--num_workers", "1", "--telemetry", "False"])
            .args(["--host", "127.0.0.1", "--port", &number])
            .env("NO_PROXY", "*")
            .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
            .env("LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY", "true");
        let mut process = Process::start(&mut command, &folder.join("litellm.log"));
        let client = Client::builder().no_proxy().timeout(TIMEOUT).build().unwrap();
        wait_at_most(START_TIMEOUT, "LiteLLM", || {
            assert!(process.exit_success().is_none(), "LiteLLM ended:\n{}", process.log());
            let url = format!("http://127.0.0.1:{number}/health/liveliness");
            client.get(url).send().ok().filter(|answer| answer.status() == 200)
        });
        Self { _process: process, port }
    }
}

/// The models behind LiteLLM's names.
const BLUE: &str = "gpt-4o-mini";
const GREEN: &str = "gpt-5-mini";

/// As in `docs/how-to/llm-gateways.md`: one cluster, and another model for green.
#[test]
#[ignore = "installs LiteLLM: make gateways"]
fn versions_can_be_models_of_litellm() {
    let folder = TempDir::with_prefix("verdigris-").unwrap();
    let llmock = Llmock::start(folder.path());
    let litellm = LiteLlm::start(folder.path(), llmock.port());
    let filter = filter_yaml(&config(json!({
        "weights": {"blue": 50, "green": 50},
        "versions": {
            "blue": {"cluster": "llm-blue"},
            "green": {"cluster": "llm-blue", "request": {"model": "assistant-green"}},
        },
        "answers": {"include_usage": true},
    })));
    let envoy = Envoy::start_with(&Setup {
        filter: Some(&filter),
        edit_bootstrap: &|bootstrap, [blue, ..]| {
            let ports = [blue.port, litellm.port.number].map(|it| format!("port_value: {it}}}"));
            // LiteLLM asks its models at /health.
            bootstrap.replace(&ports[0], &ports[1]).replace("/health}", "/health/liveliness}")
        },
        ..Setup::default()
    });
    let mut answered = [0_u64; 2];
    let mut output_tokens = [0_u64; 2];
    let mut models = [const { BTreeSet::new() }; 2];
    for (number, is_stream) in (0..24).zip([false, true].into_iter().cycle()) {
        let user = format!("user-{}", number / 2);
        let (is_green, model, tokens) = ask(&envoy, &user, is_stream);
        models[usize::from(is_green)].insert(model);
        answered[usize::from(is_green)] += 1;
        output_tokens[usize::from(is_green)] += tokens;
    }
    // LiteLLM answers with its own names.
    assert_eq!(
        models.map(|it| it.into_iter().collect::<Vec<_>>()),
        [["assistant"], ["assistant-green"]]
    );
    let versions = ["blue", "green"].into_iter().enumerate();
    let expected = versions.flat_map(|(index, version)| {
        [
            (counter(version, "answers"), answered[index]),
            (counter(version, "tokens_output"), output_tokens[index]),
            (counter(version, "errors"), 0),
            (counter(version, "unread"), 0),
        ]
    });
    envoy.wait_for_stats(&expected.collect::<Vec<_>>());
}

/// Asks the assistant. Returns whether Envoy says that green has answered, the model, and the tokens
/// of the answer.
fn ask(envoy: &Envoy, user: &str, is_stream: bool) -> (bool, String, u64) {
    let question = json!({
        "model": "assistant", "stream": is_stream,
        "messages": [{"role": "user", "content": "How do I learn Rust?"}],
    });
    let request = envoy.client.post(format!("{}/v1/chat/completions", envoy.url));
    let request = request.header("x-user-id", user).header("content-type", "application/json");
    let answer = request.body(question.to_string()).send().unwrap();
    assert_eq!(answer.status(), 200, "{}", envoy.log());
    let version = answer.headers()["x-verdigris-version"].to_str().unwrap().to_owned();
    let text = answer.text().unwrap();
    let documents: Vec<Value> = match is_stream {
        false => vec![serde_json::from_str(&text).unwrap()],
        true => text
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .filter(|data| *data != "[DONE]")
            .map(|data| serde_json::from_str(data).unwrap())
            .collect(),
    };
    let tokens = documents.iter().find_map(|it| it["usage"]["completion_tokens"].as_u64());
    let model = documents[0]["model"].as_str().unwrap().to_owned();
    (version == "green", model, tokens.unwrap_or_else(|| panic!("no usage: {text}")))
}
