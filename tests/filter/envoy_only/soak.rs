//! A run of any length: every counter equals the load generator's, and Envoy's memory stays flat.
//!
//! `make soak SECONDS=1800` runs it for half an hour. In `make test` it is short.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use reqwest::blocking::Client;
use serde_json::json;

use super::ramp_fixture::{GOOD_MODEL, set_models, with_clients};
use crate::envoy::process::wait_at_most;
use crate::envoy::upstream::Model;
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::proxy::{config, counter};

/// Envoy's memory grows until each worker's buffers have their size.
const MAX_GROWTH_BYTES: u64 = 24 << 20;

fn seconds() -> u64 {
    std::env::var("SOAK_SECONDS").ok().and_then(|it| it.parse().ok()).unwrap_or(4)
}

/// What the clients have seen: answers by version and status.
type Seen = BTreeMap<(String, u16), u64>;

fn send(envoy: &Envoy, client: &Client, user: &str, seen: &Mutex<Seen>) {
    let url = format!("{}/model/completions", envoy.url);
    let answer = client.post(url).header("x-user-id", user).send().unwrap();
    let version = answer.headers()["x-verdigris-version"].to_str().unwrap().to_owned();
    let status = answer.status().as_u16();
    answer.bytes().unwrap();
    *seen.lock().unwrap().entry((version, status)).or_default() += 1;
}

fn memory(envoy: &Envoy) -> u64 {
    envoy.read_stat("server.memory_allocated").unwrap()
}

#[test]
fn after_any_time_the_counters_are_those_of_the_load_and_memory_is_flat() {
    let config = config(json!({"weights": {"blue": 50, "green": 50}, "answers": {}}));
    let filter = filter_yaml(&config);
    let envoy = Envoy::start_with(&Setup { filter: Some(&filter), ..Setup::default() });
    set_models(&envoy, [GOOD_MODEL, Model { fails_one_in: 10, ..GOOD_MODEL }]);
    let (seen, length) = (Mutex::new(Seen::new()), Duration::from_secs(seconds()));
    let began = Instant::now();
    let wait_until = |time: Duration| {
        let since = || began.elapsed() >= time;
        wait_at_most(length + Duration::from_secs(60), "the time", || since().then_some(()));
    };
    let grown = with_clients(
        |client, user| send(&envoy, client, &user, &seen),
        || {
            wait_until(length / 2);
            let before = memory(&envoy);
            wait_until(length);
            memory(&envoy).saturating_sub(before)
        },
    );
    let seen = seen.into_inner().unwrap();
    let sum = |version: &str, statuses: &[u16]| -> u64 {
        let counts = statuses.iter().map(|it| seen.get(&(version.to_owned(), *it)));
        counts.map(|it| it.copied().unwrap_or_default()).sum()
    };
    let mut expected = Vec::new();
    for version in ["blue", "green"] {
        let (good, bad) = (sum(version, &[200]), sum(version, &[500]));
        let counts = [
            ("requests", good + bad),
            ("decisions_weight", good + bad),
            ("responses_2xx", good),
            ("responses_5xx", bad),
            ("answers", good),
            ("errors", bad),
            ("aborted", 0),
            ("unread", 0),
            ("unread_implausible", 0),
        ];
        expected.extend(counts.map(|(name, count)| (counter(version, name), count)));
    }
    let all: u64 = seen.values().sum();
    assert_eq!(sum("blue", &[200, 500]) + sum("green", &[200, 500]), all, "{seen:?}");
    assert!(sum("blue", &[200]) > 0 && sum("green", &[500]) > 0, "{seen:?}");
    envoy.wait_for_stats(&expected);
    println!("{all} requests in {} s; memory grew by {grown} bytes", length.as_secs());
    assert!(grown <= MAX_GROWTH_BYTES, "memory grew by {grown} bytes in the second half");
}
