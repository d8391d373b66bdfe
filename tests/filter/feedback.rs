//! Feedback requests; run as scenarios.

use serde_json::{Value, json};

use crate::assignment::is_green;
use crate::host::{Host, Response};
use crate::proxy::{Proxy, Request, config, counter, set_fields};

fn with_feedback(overrides: Value) -> Value {
    let mut config = config(json!({
        "weights": {"blue": 1, "green": 1},
        "feedback": {"path": "/feedback", "thumb": "/thumb", "score": "/score", "step": "/step"},
    }));
    set_fields(&mut config, &overrides);
    config
}

fn vote(unit: &str, body: &str) -> Request {
    Request::from_user(unit).header("content-type", "application/json").post("/feedback", body)
}

fn feedback_counts<P: Proxy>(proxy: &mut P, version: &str) -> [u64; 5] {
    let metrics =
        ["feedback_up", "feedback_down", "score_milli_sum", "score_count", "feedback_unproved"];
    metrics.map(|metric| proxy.stat(&counter(version, metric)).unwrap())
}

/// With the id of the conversation alone, each conversation of an account voted as a unit of its own, and
/// with that of another unit, any unit voted on the answer.
#[test]
fn a_vote_on_an_answer_in_a_conversation_counts_for_its_unit_alone() {
    let mut host =
        Host::start(&with_feedback(json!({"conversation": {"drain": {"max_age": "30m"}}})));
    let of = |unit: Option<&str>, conversation: Option<&str>| {
        let named = |request: Request, (name, value): (&str, Option<&str>)| match value {
            Some(value) => request.header(name, value),
            None => request,
        };
        let names = [("x-user-id", unit), ("x-conversation-id", conversation)];
        names.into_iter().fold(Request::anonymous(), named)
    };
    let table = [
        // The request, and whether a vote with its receipt is proved.
        ((Some("ada"), Some("c")), [true, true, false, false, false]),
        ((Some("ada"), None), [true, true, false, false, false]),
        ((None, Some("c")), [false, false, true, false, false]),
    ];
    for ((unit, conversation), is_proved) in table {
        let receipt = host.send(&of(unit, conversation)).header("x-verdigris-step").unwrap();
        let votes = [
            of(Some("ada"), Some("c")),
            of(Some("ada"), None),
            of(None, Some("c")),
            of(Some("eve"), Some("c")),
            of(None, Some("d")),
        ];
        for (vote, is_proved) in votes.into_iter().zip(is_proved) {
            let unproved = |host: &mut Host| {
                ["blue", "green"].map(|it| feedback_counts(host, it)[4]).iter().sum::<u64>()
            };
            let before = unproved(&mut host);
            let vote = vote.header("x-verdigris-step", &receipt);
            assert_eq!(host.send(&vote.post("/feedback", r#"{"thumb": "down"}"#)).status, 204);
            assert_eq!(unproved(&mut host) == before, is_proved, "{unit:?} {conversation:?}");
        }
    }
}

/// As where Envoy's `capability_restriction_config` leaves the call out.
#[test]
fn a_vote_whose_body_the_host_refuses_is_not_too_large() {
    let mut host = Host::start(&with_feedback(json!({})));
    host.refuse("proxy_get_buffer_bytes", 10);
    let answer = host.send(&vote("ada", r#"{"thumb": "up"}"#));
    assert_eq!(answer.status, 503);
    assert!(answer.text.starts_with("Envoy does not give the body"), "{}", answer.text);
}

/// An Envoy of a fleet that has just started would have lost the score: an evaluator does not repeat a 400.
#[test]
fn a_receipt_is_not_refused_before_it_can_be_verified() {
    let mut host = Host::start(&config(json!({
        "ramp": {"steps": [50, 100], "gates": [{"metric": "error_rate"}]},
        "fleet": {"store": "etcd", "cluster": "etcd"},
        "feedback": {"path": "/feedback", "score": "/score", "step": "/step"},
    })));
    let receipt = "green.1.new.5be1c7c2a07a1d3f.90b3f0d8a1c4e67b.2f0c6d3a91be7754";
    let score = json!({"score": 1, "step": receipt}).to_string();
    let answer = host.send(&Request::anonymous().post("/feedback", score));
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert!(answer.text.contains("cannot count feedback yet"), "{}", answer.text);
}

/// What an upstream sends as a receipt, a client would return with its vote.
#[test]
fn an_upstream_writes_no_receipt() {
    let mut host = Host::start(&with_feedback(json!({})));
    let forged = ("x-verdigris-step".to_owned(), b"blue.1.new.0000000000000000".to_vec());
    let status = (":status".to_owned(), b"200".to_vec());
    let response = Response { headers: vec![status, forged], ..Response::default() };
    let answer = host.send_for(&Request::from_user("ada"), response);
    let receipts: Vec<_> =
        answer.headers.iter().filter(|(name, _)| name == "x-verdigris-step").collect();
    assert_eq!(receipts.len(), 1, "{receipts:?}");
    assert!(!receipts[0].1.ends_with(b".0000000000000000"), "{receipts:?}");
}

#[generic_tests::define]
mod scenarios {
    use super::*;
    use crate::envoy::Envoy;

    /// docs/how-to/promote.md: the bootstrap still writes the cluster of the version before blue.
    #[test]
    fn a_vote_that_is_passed_on_goes_to_blue_whatever_the_bootstrap_writes<P: Proxy>() {
        let feedback = json!({"path": "/feedback", "thumb": "/thumb", "answered_by": "upstream"});
        let mut proxy = P::start(&with_feedback(json!({
            "feedback": feedback,
            "versions": {"blue": {"cluster": "llm-green"}, "green": {"cluster": "llm-blue"}},
            "default_cluster": "llm-blue",
        })));
        let answer = proxy.send(&vote("ada", r#"{"thumb": "up"}"#));
        assert_eq!((answer.status, answer.cluster.as_str()), (200, "llm-green"));
    }

    #[test]
    fn a_vote_counts_for_the_version_in_its_receipt<P: Proxy>() {
        let mut proxy = P::start(&with_feedback(json!({})));
        for unit in ["ada", "bob", "cyd", "dee"] {
            let version = if is_green(unit.as_bytes(), 1, 1) { "green" } else { "blue" };
            let other = if version == "green" { "blue" } else { "green" };
            let receipt = proxy.send(&Request::from_user(unit)).header("x-verdigris-step").unwrap();
            assert!(receipt.starts_with(version), "{receipt}");
            // From now on all users get the other version; the receipt is older.
            let (blue, green) = if version == "green" { (1, 0) } else { (0, 1) };
            let all_on_other = json!({"weights": {"blue": blue, "green": green}});
            proxy.push(&with_feedback(all_on_other)).unwrap();
            let before = (feedback_counts(&mut proxy, version), feedback_counts(&mut proxy, other));
            let with_header =
                vote(unit, r#"{"thumb": "down"}"#).header("x-verdigris-step", &receipt);
            let with_body = vote(unit, &format!(r#"{{"score": 0.25, "step": "{receipt}"}}"#));
            for request in [with_header, with_body] {
                let answer = proxy.send(&request);
                assert_eq!((answer.status, answer.text.as_str()), (204, ""));
            }
            // A vote without the unit's own receipt counts for the current version, unproved.
            let stolen = vote("eve", r#"{"thumb": 1}"#).header("x-verdigris-step", &receipt);
            let forged = vote(unit, r#"{"thumb": 1}"#)
                .header("x-verdigris-step", receipt.replace(version, other));
            for request in [vote(unit, r#"{"thumb": true}"#), stolen, forged] {
                assert_eq!(proxy.send(&request).status, 204);
            }
            let added = |now: [u64; 5], before: [u64; 5]| {
                [0, 1, 2, 3, 4].map(|at: usize| now[at] - before[at])
            };
            assert_eq!(added(feedback_counts(&mut proxy, version), before.0), [0, 1, 250, 1, 0]);
            assert_eq!(added(feedback_counts(&mut proxy, other), before.1), [3, 0, 0, 0, 3]);
            proxy.push(&with_feedback(json!({}))).unwrap();
        }
        // Votes do not count as requests.
        let requests = |proxy: &mut P, version| proxy.stat(&counter(version, "requests")).unwrap();
        assert_eq!(requests(&mut proxy, "blue") + requests(&mut proxy, "green"), 4);
    }

    #[test]
    fn an_invalid_vote_is_answered_with_the_reason<P: Proxy>() {
        let mut proxy = P::start(&with_feedback(json!({})));
        let large = format!(r#"{{"thumb": "up", "comment": "{}"}}"#, "x".repeat(70_000));
        let advice = r#"write "up" or "down" at /thumb, or a number from 0 to 1 at /score"#;
        let cases = [
            (vote("ada", ""), "the body is not JSON".to_owned()),
            (vote("ada", "thumb=up"), "the body is not JSON".to_owned()),
            (vote("ada", r#"{"thumb": "up""#), "the body is not JSON".to_owned()),
            (vote("ada", "{}"), format!("the body has no thumb and no score: {advice}")),
            (
                vote("ada", r#"{"thumb": null}"#),
                format!("the body has no thumb and no score: {advice}"),
            ),
            (vote("ada", r#"{"thumb": 7}"#), format!("7 is not a valid thumb: {advice}")),
            (vote("ada", r#"{"score": 1.01}"#), format!("1.01 is not a valid score: {advice}")),
            (vote("ada", r#"{"score": "1"}"#), format!(r#""1" is not a valid score: {advice}"#)),
            (vote("ada", &large), "the body is larger than 65536 bytes".to_owned()),
            (
                Request::anonymous().post("/feedback", r#"{"thumb": "up"}"#),
                "the request names no unit: send the header or cookie that the rated request had"
                    .to_owned(),
            ),
            (
                Request::anonymous().post("/feedback", r#"{"score": 1, "step": "green.1.new.5be1"}"#),
                "the receipt names no unit that is known here: it is not that of an exported sample, was \
                 changed, or is from before a restart of Envoy; send the exported one as it is, or the \
                 header or cookie that the rated request had"
                    .to_owned(),
            ),
        ];
        for (request, message) in cases {
            let answer = proxy.send(&request);
            assert_eq!((answer.status, answer.text), (400, message), "{request:?}");
        }
        for version in ["blue", "green"] {
            assert_eq!(feedback_counts(&mut proxy, version), [0; 5]);
        }
        // Other paths and methods are not feedback.
        let get = Request { path: Some("/feedback".into()), ..Request::from_user("ada") };
        for request in [get, vote("ada", "{}").post("/feedbacks", "{}")] {
            assert_eq!(proxy.send(&request).status, 200);
        }
    }

    #[test]
    fn the_upstream_can_receive_and_answer_votes<P: Proxy>() {
        let mut config = with_feedback(json!({"weights": {"blue": 0, "green": 1}}));
        config["feedback"]["answered_by"] = json!("upstream");
        let mut proxy = P::start(&config);
        let body = r#"{"thumb": "up", "comment": "good"}"#;
        let answer = proxy.send(&vote("ada", body));
        assert_eq!((answer.status, answer.cluster.as_str()), (200, "llm-blue"));
        assert_eq!((answer.path.as_str(), answer.body.as_slice()), ("/feedback", body.as_bytes()));
        assert_eq!(feedback_counts(&mut proxy, "green"), [1, 0, 0, 0, 1]);
        assert_eq!(proxy.stat(&counter("blue", "requests")), Some(0));
    }

    #[test]
    fn the_votes_of_a_user_are_rate_limited<P: Proxy>() {
        let mut config = with_feedback(json!({}));
        config["feedback"]["max_per_minute"] = json!(5);
        let mut proxy = P::start(&config);
        let mut accepted = 0;
        for _ in 0..100 {
            let answer = proxy.send(&vote("ada", r#"{"thumb": "down"}"#));
            match answer.status {
                204 => accepted += 1,
                status => {
                    assert_eq!(
                        (status, answer.text.as_str()),
                        (429, "at most 5 events a minute count for one unit")
                    )
                }
            }
        }
        // Five for each of two workers; a new minute may begin during the test.
        assert!((5..=20).contains(&accepted), "{accepted}");
        let version = if is_green(b"ada", 1, 1) { "green" } else { "blue" };
        assert_eq!(feedback_counts(&mut proxy, version)[1], accepted);
        assert_eq!(proxy.stat(&counter(version, "feedback_limited")), Some(100 - accepted));
        assert_eq!(proxy.send(&vote("bob", r#"{"thumb": "down"}"#)).status, 204);
    }

    #[instantiate_tests(<Host>)]
    mod on_the_host_emulator {}

    #[instantiate_tests(<Envoy>)]
    mod in_real_envoy {}
}
