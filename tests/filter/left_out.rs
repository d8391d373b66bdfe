//! Answers that are left out because those of other units are read; run as scenarios.

use serde_json::json;
use verdigris::assignment::{Assignment, ReadAnswers, Reason, Share, Version};

use crate::assignment::is_green;
use crate::proxy::{Proxy, ROLLOUT, Request, config, counter};

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

fn await_stats<P: Proxy>(proxy: &mut P, expected: &[(&str, &str, usize)]) {
    for (version, metric, count) in expected {
        proxy.await_stat(&counter(version, metric), *count as u64);
    }
}

#[generic_tests::define]
mod scenarios {
    use super::*;
    use crate::envoy::Envoy;
    use crate::host::Host;

    /// With a ratio of 4 and 5 % on green, the users of the first 25 % of the buckets are compared.
    #[test]
    fn a_ramp_reads_green_and_so_many_of_blues_units<P: Proxy>() {
        let gates = json!([{"metric": "refusal_rate"}]);
        let ramp =
            json!({"steps": [5, 100], "bake": "1h", "gates": gates, "control": {"ratio": 4}});
        let mut proxy = P::start(&config(json!({"ramp": ramp})));
        proxy.await_stat(&format!("wasmcustom.verdigris.{ROLLOUT}.green_bp"), 500);
        for (user, _) in users() {
            assert_eq!(proxy.send(&question(&user)).status, 200);
        }
        let green = users().filter(|(_, is_green)| *is_green).count();
        let compared = users().filter(|(user, _)| is_green(user.as_bytes(), 75, 25)).count();
        let (blue, read) = (USERS - green, compared - green);
        assert!(green > 0 && read > green && blue > 2 * read, "{green} {read} {blue}");
        await_stats(
            &mut proxy,
            &[
                ("green", "responses_2xx", green),
                ("green", "answers", green),
                ("green", "unread_by_sampling", 0),
                ("blue", "responses_2xx", blue),
                ("blue", "answers", read),
                ("blue", "unread_by_sampling", blue - read),
                ("blue", "unread", 0),
            ],
        );
    }

    /// The same users each time, on both versions.
    #[test]
    fn a_rollout_with_weights_reads_a_share_of_the_units<P: Proxy>() {
        let sample = json!({"answers": {"sample": "25%"}, "weights": {"blue": 1, "green": 1}});
        let mut proxy = P::start(&config(sample));
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

    #[instantiate_tests(<Envoy>)]
    mod envoy {}

    #[instantiate_tests(<Host>)]
    mod host {}
}
