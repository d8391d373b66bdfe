//! Answers pass through the filter unchanged and without delay.

use std::io::Read as _;

use reqwest::header::HeaderMap;
use serde_json::json;

use crate::artifacts::recorded_answers;
use crate::envoy::upstream::{FIRST_EVENT, LAST_EVENT, REPLAY_HEADER};
use crate::envoy::{Envoy, Setup};
use crate::proxy::{Proxy as _, Request, config, counter};

use super::answers::TOKEN_COUNTERS;

fn reading_envoy() -> Envoy {
    Envoy::start(&config(json!({
        "weights": {"blue": 0, "green": 1},
        "answers": {"paths": [{"prefix": "/hold", "format": "chat"}], "refusal_phrases": ["I"]},
    })))
}

fn envoy_without_the_filter() -> Envoy {
    Envoy::start_with(&Setup::default())
}

/// The response headers without those that differ between two responses, in order.
fn comparable_response_headers(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    headers
        .iter()
        .filter(|(name, _)| {
            !["date", "x-envoy-upstream-service-time", "x-verdigris-version"]
                .contains(&name.as_str())
        })
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
        .collect()
}

#[test]
fn the_filter_changes_no_byte_of_an_answer() {
    let (with, without) = (reading_envoy(), envoy_without_the_filter());
    let recorded = recorded_answers();
    for answer in &recorded {
        let request = Request::from_user("ada").header(REPLAY_HEADER, &answer.name);
        let [with, without] = [&with, &without].map(|envoy| {
            let response = envoy.send_to(&answer.path, &request).unwrap();
            assert_eq!(response.status(), 200);
            (comparable_response_headers(response.headers()), response.bytes().unwrap())
        });
        assert_eq!(with.1, answer.body, "{}", answer.name);
        assert_eq!(with, without, "{}", answer.name);
    }
    let mut expected = vec![
        (counter("green", "answers"), u64::try_from(recorded.len()).unwrap()),
        (counter("green", "errors"), recorded.iter().map(|answer| answer.errors).sum()),
    ];
    for (index, metric) in TOKEN_COUNTERS.iter().enumerate() {
        let counts = recorded.iter().map(|answer| u64::try_from(answer.tokens[index]).unwrap_or(0));
        expected.push((counter("green", metric), counts.sum()));
    }
    with.wait_for_stats(&expected);
}

#[test]
fn the_filter_forwards_each_event_at_once() {
    for (name, envoy) in [("with", reading_envoy()), ("without", envoy_without_the_filter())] {
        let mut stream = envoy.send_to("/hold", &Request::from_user("ada")).unwrap();
        let mut first = vec![0; FIRST_EVENT.len()];
        stream.read_exact(&mut first).unwrap();
        assert_eq!(first, FIRST_EVENT.as_bytes(), "{name} the filter");
        // The upstream sends the next event only after its release.
        envoy.upstreams.iter().for_each(|upstream| upstream.release_streams());
        let mut rest = String::new();
        stream.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, LAST_EVENT, "{name} the filter");
    }
}
