//! A release of a prompt and a model, as the upstream sees it from the official clients.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::artifacts;
use crate::envoy::upstream::Seen;
use crate::envoy::{Envoy, filter_yaml};
use crate::proxy::{Proxy as _, config, counter};

/// What the upstream was sent by each official client, plain and streamed.
fn requests_of_the_clients(envoy: &Envoy) -> Vec<Seen> {
    let output = Command::new(artifacts::python())
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/prompt.py"))
        .arg(&envoy.url)
        .env("NO_PROXY", "*")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "8");
    let seen = envoy.upstreams[0].take_seen();
    assert_eq!(seen.len(), 8);
    seen
}

fn json_of(seen: &Seen) -> Value {
    assert_eq!(seen.length, seen.body.len(), "{}", seen.path);
    serde_json::from_slice(&seen.body).unwrap()
}

#[test]
fn a_prompt_only_release_reaches_the_upstream_as_configured() {
    let of = |blue: u32, green: u32| {
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
    let envoy = Envoy::start(&of(1, 0));
    let blue = requests_of_the_clients(&envoy);
    envoy.write_filter(&filter_yaml(&of(0, 1))).unwrap();
    let green = requests_of_the_clients(&envoy);

    for (before, after) in blue.iter().zip(&green) {
        let is_gemini = before.path.starts_with("/v1beta/models/a-model:");
        assert_eq!(after.path, before.path.replace("/a-model:", "/release-model:"));
        // All but these two places is as the client wrote it.
        let mut expected = json_of(before);
        if !is_gemini {
            expected["model"] = json!("release-model");
        }
        let places =
            ["/messages/0/content", "/instructions", "/system", "/systemInstruction/parts/0/text"];
        let place = if before.path.ends_with("/messages") { &places[2..] } else { &places[..] };
        let prompt = place.iter().find(|place| expected.pointer(place).is_some()).unwrap();
        let prompt = expected.pointer_mut(prompt).unwrap();
        assert_eq!(*prompt, json!("You are wordy."), "{}", before.path);
        *prompt = json!("You are terse.");
        assert_eq!(json_of(after), expected, "{}", before.path);
    }
    assert_eq!(envoy.read_stat(&counter("blue", "decisions_weight")), Some(8));
    assert_eq!(envoy.read_stat(&counter("green", "decisions_weight")), Some(8));
}
