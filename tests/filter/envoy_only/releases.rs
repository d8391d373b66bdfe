//! A release of a prompt and a model, with the requests of the providers' official clients.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::artifacts;
use crate::envoy::upstream::ReceivedRequest;
use crate::envoy::{Envoy, filter_yaml};
use crate::proxy::{Proxy as _, config, counter};

/// The requests that reached the upstream from each official client, streamed and not streamed.
fn requests_of_the_clients(envoy: &Envoy) -> Vec<ReceivedRequest> {
    let output = Command::new(artifacts::python())
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/prompt.py"))
        .arg(&envoy.url)
        .env("NO_PROXY", "*")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "8");
    let received = envoy.upstreams[0].take_received();
    assert_eq!(received.len(), 8);
    received
}

fn body_json(received: &ReceivedRequest) -> Value {
    assert_eq!(received.content_length, received.body.len(), "{}", received.path);
    serde_json::from_slice(&received.body).unwrap()
}

#[test]
fn a_prompt_only_release_reaches_the_upstream_as_configured() {
    let release = |blue: u32, green: u32| {
        config(json!({
            "weights": {"blue": blue, "green": green},
            "versions": {
                "blue": {"cluster": "llm-blue"},
                "green": {
                    "cluster": "llm-blue",
                    "request": {"model": "release-model", "system": {"replace": "You are terse."}},
                },
            },
        }))
    };
    let envoy = Envoy::start(&release(1, 0));
    let blue = requests_of_the_clients(&envoy);
    envoy.write_filter(&filter_yaml(&release(0, 1))).unwrap();
    let green = requests_of_the_clients(&envoy);

    for (before, after) in blue.iter().zip(&green) {
        let is_gemini = before.path.starts_with("/v1beta/models/a-model:");
        assert_eq!(after.path, before.path.replace("/a-model:", "/release-model:"));
        // Only the model and the prompt differ from the client's request.
        let mut expected = body_json(before);
        if !is_gemini {
            expected["model"] = json!("release-model");
        }
        let pointers =
            ["/messages/0/content", "/instructions", "/system", "/systemInstruction/parts/0/text"];
        let is_messages_api = before.path.ends_with("/messages");
        let pointers = if is_messages_api { &pointers[2..] } else { &pointers[..] };
        let pointer = pointers.iter().find(|pointer| expected.pointer(pointer).is_some()).unwrap();
        let prompt = expected.pointer_mut(pointer).unwrap();
        assert_eq!(*prompt, json!("You are wordy."), "{}", before.path);
        *prompt = json!("You are terse.");
        assert_eq!(body_json(after), expected, "{}", before.path);
    }
    assert_eq!(envoy.read_stat(&counter("blue", "decisions_weight")), Some(8));
    assert_eq!(envoy.read_stat(&counter("green", "decisions_weight")), Some(8));
}
