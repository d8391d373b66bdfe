//! Answers that end early, from llmock, which fails on demand.

use std::collections::BTreeMap;
use std::io::Read as _;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::answers::{Llmock, envoy_with_green_at};
use crate::envoy::{Envoy, filter_yaml};
use crate::proxy::{config, counter};

const METRICS: [&str; 8] = [
    "answers",
    "errors",
    "aborted",
    "unread",
    "unread_malformed",
    "responses_2xx",
    "responses_429",
    "responses_5xx",
];

type Counts = BTreeMap<&'static str, u64>;

fn counts(envoy: &Envoy) -> Counts {
    let count = |metric| (metric, envoy.read_stat(&counter("green", metric)).unwrap());
    METRICS.into_iter().map(count).collect()
}

#[test]
fn each_failure_of_an_answer_moves_its_counters() {
    let folder = TempDir::with_prefix("verdigris-").unwrap();
    let llmock = Llmock::start(folder.path());
    let port = llmock.port();
    let green = json!({"weights": {"blue": 0, "green": 1}, "answers": {}});
    let envoy = envoy_with_green_at(port, &filter_yaml(&config(green)));
    let stream_fault = |kind: &str| json!({"type": "stream_fault", "kind": kind, "after_chunks": 2, "stall_seconds": 600});
    // The behaviour of the upstream, whether the client leaves after the first byte, and the
    // counters that move.
    let cases: [(Option<Value>, bool, &[&str]); 7] = [
        (None, false, &["responses_2xx", "answers"]),
        (Some(stream_fault("truncate")), false, &["responses_2xx", "answers", "errors"]),
        (Some(stream_fault("disconnect")), false, &["responses_2xx", "answers", "errors"]),
        (Some(stream_fault("malformed")), false, &["responses_2xx", "unread", "unread_malformed"]),
        (Some(stream_fault("stall")), true, &["responses_2xx", "answers", "aborted"]),
        (Some(json!({"type": "fail", "status": 429})), false, &["responses_429", "errors"]),
        (Some(json!({"type": "fail", "status": 503})), false, &["responses_5xx", "errors"]),
    ];
    for (failure, client_leaves, expected) in cases {
        if let Some(behavior) = &failure {
            let scenario = json!({"behaviors": [behavior]}).to_string();
            let url = format!("http://127.0.0.1:{port}/_llmock/scenario");
            let answer = envoy
                .client
                .post(url)
                .header("content-type", "application/json")
                .body(scenario)
                .send();
            assert!(answer.unwrap().status().is_success());
        }
        let mut expected_counts = counts(&envoy);
        expected.iter().for_each(|metric| *expected_counts.get_mut(metric).unwrap() += 1);
        request_stream(&envoy, client_leaves);
        println!("{failure:?}: {expected:?}");
        let expected_counts =
            expected_counts.iter().map(|(metric, count)| (counter("green", metric), *count));
        envoy.wait_for_stats(&expected_counts.collect::<Vec<_>>());
    }
}

fn request_stream(envoy: &Envoy, client_leaves: bool) {
    let body = json!({
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": "Why does copper turn green?"}],
        "stream": true,
    });
    let mut answer = envoy
        .client
        .post(format!("{}/v1/chat/completions", envoy.url))
        .header("x-user-id", "ada")
        .header("content-type", "application/json")
        .body(body.to_string())
        .send()
        .unwrap();
    if client_leaves {
        answer.read_exact(&mut [0]).unwrap();
    } else {
        // A truncated stream is an error for the client as well.
        let _ = answer.text();
    }
}
