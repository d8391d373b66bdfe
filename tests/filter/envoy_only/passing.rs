//! Answers pass through the filter unchanged and without delay.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::time::{Duration, Instant};

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
    let (with, without) = (reading_envoy(), envoy_without_the_filter());
    let mut times_to_first_event: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    for _ in 0..50 {
        for (name, envoy) in [("with", &with), ("without", &without)] {
            let began = Instant::now();
            let mut stream = envoy.send_to("/hold", &Request::from_user("ada")).unwrap();
            // The upstream sends the next event only after its release.
            let mut first = vec![0; FIRST_EVENT.len()];
            stream.read_exact(&mut first).unwrap();
            times_to_first_event.entry(name).or_default().push(began.elapsed());
            assert_eq!(first, FIRST_EVENT.as_bytes());
        }
    }
    for (name, mut times) in times_to_first_event {
        times.sort();
        println!(
            "time to the first event {name} the filter: median {:?} of {}",
            times[25],
            times.len()
        );
    }
    let mut stream = with.send_to("/hold", &Request::from_user("ada")).unwrap();
    with.upstreams.iter().for_each(|upstream| upstream.release_streams());
    let mut all = String::new();
    stream.read_to_string(&mut all).unwrap();
    assert_eq!(all, format!("{FIRST_EVENT}{LAST_EVENT}"));
}
