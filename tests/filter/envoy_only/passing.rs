//! What passes through the filter while it is read stays as it is.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::time::{Duration, Instant};

use reqwest::header::HeaderMap;
use serde_json::json;

use crate::artifacts::recorded_answers;
use crate::envoy::upstream::{FIRST, LAST, REPLAY};
use crate::envoy::{Envoy, Setup};
use crate::proxy::{Proxy as _, Request, config, counter};

use super::answers::TOKENS;

fn reading_envoy() -> Envoy {
    Envoy::start(&config(json!({
        "weights": {"blue": 0, "green": 1},
        "answers": {"paths": [{"prefix": "/hold", "format": "chat"}], "refusal_phrases": ["I"]},
    })))
}

fn envoy_without_the_filter() -> Envoy {
    Envoy::start_with(&Setup::default())
}

/// The headers that do not differ from one answer to the next, in their order.
fn lasting(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
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
fn bytes_are_the_same_with_and_without_the_filter() {
    let (with, without) = (reading_envoy(), envoy_without_the_filter());
    let recorded = recorded_answers();
    for answer in &recorded {
        let request = Request::of("ada").header(REPLAY, &answer.name);
        let [with, without] = [&with, &without].map(|envoy| {
            let response = envoy.get(&answer.path, &request).unwrap();
            assert_eq!(response.status(), 200);
            (lasting(response.headers()), response.bytes().unwrap())
        });
        assert_eq!(with.1, answer.body, "{}", answer.name);
        assert_eq!(with, without, "{}", answer.name);
    }
    let mut expected = vec![
        (counter("green", "answers"), u64::try_from(recorded.len()).unwrap()),
        (counter("green", "errors"), recorded.iter().map(|answer| answer.errors).sum()),
    ];
    for (index, metric) in TOKENS.iter().enumerate() {
        let told = recorded.iter().map(|answer| u64::try_from(answer.tokens[index]).unwrap_or(0));
        expected.push((counter("green", metric), told.sum()));
    }
    with.wait_for_stats(&expected);
}

#[test]
fn what_has_come_is_not_held_back() {
    let (with, without) = (reading_envoy(), envoy_without_the_filter());
    let mut took: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    for _ in 0..50 {
        for (name, envoy) in [("with", &with), ("without", &without)] {
            let began = Instant::now();
            let mut stream = envoy.get("/hold", &Request::of("ada")).unwrap();
            // The upstream sends nothing else until it is told to.
            let mut first = vec![0; FIRST.len()];
            stream.read_exact(&mut first).unwrap();
            took.entry(name).or_default().push(began.elapsed());
            assert_eq!(first, FIRST.as_bytes());
        }
    }
    for (name, mut times) in took {
        times.sort();
        println!(
            "{name} the filter, time to the first chunk: median {:?} of {}",
            times[25],
            times.len()
        );
    }
    let mut stream = with.get("/hold", &Request::of("ada")).unwrap();
    with.upstreams.iter().for_each(|upstream| upstream.release());
    let mut all = String::new();
    stream.read_to_string(&mut all).unwrap();
    assert_eq!(all, format!("{FIRST}{LAST}"));
}
