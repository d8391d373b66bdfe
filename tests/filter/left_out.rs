//! Answers that are left out because those of other units are read. In a real Envoy.

use std::time::Duration;

use serde_json::json;
use verdigris::assignment::{Assignment, ReadAnswers, Reason, Share, Version};

use crate::assignment::is_green;
use crate::envoy::Envoy;
use crate::envoy::process::wait_at_most;
use crate::proxy::{Proxy as _, ROLLOUT, Request, config, counter};

const USERS: usize = 120;

/// The user ids, by whether they are on green at 5 %.
fn users() -> impl Iterator<Item = (String, bool)> {
    (0..USERS).map(|number| {
        let user = format!("user-{number}");
        let is_green = is_green(user.as_bytes(), 9500, 500);
        (user, is_green)
    })
}

/// A request that the upstream answers in the format of its path.
fn question(user: &str) -> Request {
    let body = json!({"messages": [{"role": "user", "content": "Why?"}]}).to_string();
    Request::from_user(user)
        .header("content-type", "application/json")
        .post("/v1/chat/completions", body)
}

fn await_stats(proxy: &mut Envoy, expected: &[(&str, &str, usize)]) {
    for (version, metric, count) in expected {
        proxy.await_stat(&counter(version, metric), *count as u64);
    }
}

/// With a ratio of 4 and 5 % on green, the users of the first 25 % of the buckets are compared.
#[test]
fn a_ramp_reads_green_and_so_many_of_blues_units() {
    let gates = json!([{"metric": "refusal_rate"}]);
    let ramp = json!({"steps": [5, 100], "bake": "1h", "gates": gates, "control": {"ratio": 4}});
    let mut proxy = Envoy::start(&config(json!({"ramp": ramp})));
    let green = users().filter(|(_, is_green)| *is_green).count() as u64;
    let compared = users().filter(|(user, _)| is_green(user.as_bytes(), 75, 25)).count() as u64;
    let (blue, read) = (USERS as u64 - green, compared - green);
    assert!(green > 0 && read > green && blue > 2 * read, "{green} {read} {blue}");
    let expected = [green, green, 0, blue, read, blue - read];
    // Until each worker knows the step, it sends all users to blue.
    let mut before = counts(&mut proxy);
    wait_at_most(Duration::from_secs(60), "users by their buckets", || {
        for (user, _) in users() {
            assert_eq!(proxy.send(&question(&user)).status, 200);
        }
        let ended = before[0] + before[3] + USERS as u64;
        let after = wait_at_most(Duration::from_secs(60), "counted responses", || {
            Some(counts(&mut proxy)).filter(|it| it[0] + it[3] == ended)
        });
        let added: Vec<u64> =
            after.iter().zip(before).map(|(after, before)| after - before).collect();
        before = after;
        (added == expected).then_some(())
    });
}

/// The responses, the answers that were read and those that were left out, of green and of blue.
fn counts(proxy: &mut Envoy) -> [u64; 6] {
    [
        ("green", "responses_2xx"),
        ("green", "answers"),
        ("green", "unread_by_sampling"),
        ("blue", "responses_2xx"),
        ("blue", "answers"),
        ("blue", "unread_by_sampling"),
    ]
    .map(|(version, metric)| proxy.stat(&counter(version, metric)).unwrap_or_default())
}

/// The same users each time, on both versions.
#[test]
fn a_rollout_with_weights_reads_a_share_of_the_units() {
    let sample = json!({"answers": {"sample": "25%"}, "weights": {"blue": 1, "green": 1}});
    let mut proxy = Envoy::start(&config(sample));
    let quarter = ReadAnswers::OfUnits(Share::new(75, 25).unwrap());
    let mut counts = [[0; 2]; 2];
    for (user, _) in users() {
        let version = match is_green(user.as_bytes(), 1, 1) {
            true => Version::Green,
            false => Version::Blue,
        };
        let assignment = Assignment::new(version, Reason::Weight);
        let is_read = quarter.contains(ROLLOUT, assignment, None, Some(user.as_bytes()));
        for _ in 0..2 {
            assert_eq!(proxy.send(&question(&user)).status, 200);
            counts[usize::from(version == Version::Green)][usize::from(is_read)] += 1;
        }
    }
    for (version, [left_out, read]) in ["blue", "green"].into_iter().zip(counts) {
        assert!(read > 10 && left_out > 2 * read, "{version}: {read}, {left_out}");
        await_stats(
            &mut proxy,
            &[(version, "answers", read), (version, "unread_by_sampling", left_out)],
        );
    }
}
