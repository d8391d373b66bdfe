//! Votes and what comes of them; run as scenarios.

use serde_json::{Value, json};

use crate::proxy::{Proxy, Request, config, counter};
use crate::scenarios::is_green;

fn listening(differs: Value) -> Value {
    let mut config = config(json!({
        "weights": {"blue": 1, "green": 1},
        "feedback": {"path": "/feedback", "thumb": "/thumb", "score": "/score", "step": "/step"},
    }));
    config.as_object_mut().unwrap().extend(differs.as_object().unwrap().clone());
    config
}

fn vote(unit: &str, body: &str) -> Request {
    Request::of(unit).header("content-type", "application/json").post("/feedback", body)
}

fn counts<P: Proxy>(proxy: &mut P, version: &str) -> [u64; 5] {
    let metrics =
        ["feedback_up", "feedback_down", "score_milli_sum", "score_count", "feedback_unproved"];
    metrics.map(|metric| proxy.stat(&counter(version, metric)).unwrap())
}

pub fn a_vote_counts_for_the_version_that_answered<P: Proxy>() {
    let mut proxy = P::start(&listening(json!({})));
    for unit in ["ada", "bob", "cyd", "dee"] {
        let version = if is_green(unit.as_bytes(), 1, 1) { "green" } else { "blue" };
        let other = if version == "green" { "blue" } else { "green" };
        let receipt = proxy.send(&Request::of(unit)).header("x-verdigris-step").unwrap();
        assert!(receipt.starts_with(version), "{receipt}");
        // All go to the other version from now on: the vote is of before.
        let (blue, green) = if version == "green" { (1, 0) } else { (0, 1) };
        let all_on_other = json!({"weights": {"blue": blue, "green": green}});
        proxy.push(&listening(all_on_other)).unwrap();
        let before = (counts(&mut proxy, version), counts(&mut proxy, other));
        let with_header = vote(unit, r#"{"thumb": "down"}"#).header("x-verdigris-step", &receipt);
        let with_body = vote(unit, &format!(r#"{{"score": 0.25, "step": "{receipt}"}}"#));
        for request in [with_header, with_body] {
            let answer = proxy.send(&request);
            assert_eq!((answer.status, answer.text.as_str()), (204, ""));
        }
        // Without a receipt, or with one that is not the unit's, it is shown as of now.
        let stolen = vote("eve", r#"{"thumb": 1}"#).header("x-verdigris-step", &receipt);
        let forged = vote(unit, r#"{"thumb": 1}"#)
            .header("x-verdigris-step", receipt.replace(version, other));
        for request in [vote(unit, r#"{"thumb": true}"#), stolen, forged] {
            assert_eq!(proxy.send(&request).status, 204);
        }
        let added =
            |now: [u64; 5], before: [u64; 5]| [0, 1, 2, 3, 4].map(|at: usize| now[at] - before[at]);
        assert_eq!(added(counts(&mut proxy, version), before.0), [0, 1, 250, 1, 0]);
        assert_eq!(added(counts(&mut proxy, other), before.1), [3, 0, 0, 0, 3]);
        proxy.push(&listening(json!({}))).unwrap();
    }
    // Votes are no requests.
    let requests = |proxy: &mut P, version| proxy.stat(&counter(version, "requests")).unwrap();
    assert_eq!(requests(&mut proxy, "blue") + requests(&mut proxy, "green"), 4);
}

pub fn a_bad_vote_is_told_what_is_wrong_with_it<P: Proxy>() {
    let mut proxy = P::start(&listening(json!({})));
    let large = format!(r#"{{"thumb": "up", "comment": "{}"}}"#, "x".repeat(70_000));
    let said = r#"write "up" or "down" at /thumb, or a number from 0 to 1 at /score"#;
    let cases = [
        (vote("ada", ""), "the body is not JSON".to_owned()),
        (vote("ada", "thumb=up"), "the body is not JSON".to_owned()),
        (vote("ada", r#"{"thumb": "up""#), "the body is not JSON".to_owned()),
        (vote("ada", "{}"), format!("the body has no thumb and no score: {said}")),
        (vote("ada", r#"{"thumb": null}"#), format!("the body has no thumb and no score: {said}")),
        (vote("ada", r#"{"thumb": 7}"#), format!("7 is not a valid thumb: {said}")),
        (vote("ada", r#"{"score": 1.01}"#), format!("1.01 is not a valid score: {said}")),
        (vote("ada", r#"{"score": "1"}"#), format!(r#""1" is not a valid score: {said}"#)),
        (vote("ada", &large), "the body is larger than 65536 bytes".to_owned()),
        (
            Request::anonymous().post("/feedback", r#"{"thumb": "up"}"#),
            "it says nobody's name: send what the requests carry that it is about".to_owned(),
        ),
    ];
    for (request, why) in cases {
        let answer = proxy.send(&request);
        assert_eq!((answer.status, answer.text), (400, why), "{request:?}");
    }
    for version in ["blue", "green"] {
        assert_eq!(counts(&mut proxy, version), [0; 5]);
    }
    // Other paths and methods are requests like any other.
    let get = Request { path: Some("/feedback".into()), ..Request::of("ada") };
    for request in [get, vote("ada", "{}").post("/feedbacks", "{}")] {
        assert_eq!(proxy.send(&request).status, 200);
    }
}

pub fn the_upstream_can_answer_votes<P: Proxy>() {
    let mut config = listening(json!({"weights": {"blue": 0, "green": 1}}));
    config["feedback"]["answered_by"] = json!("upstream");
    let mut proxy = P::start(&config);
    let body = r#"{"thumb": "up", "comment": "good"}"#;
    let answer = proxy.send(&vote("ada", body));
    assert_eq!((answer.status, answer.cluster.as_str()), (200, "llm-blue"));
    assert_eq!((answer.path.as_str(), answer.body.as_slice()), ("/feedback", body.as_bytes()));
    assert_eq!(counts(&mut proxy, "green"), [1, 0, 0, 0, 1]);
    assert_eq!(proxy.stat(&counter("blue", "requests")), Some(0));
}

pub fn nobody_votes_without_limit<P: Proxy>() {
    let mut config = listening(json!({}));
    config["feedback"]["max_per_minute"] = json!(5);
    let mut proxy = P::start(&config);
    let mut heard = 0;
    for _ in 0..100 {
        let answer = proxy.send(&vote("ada", r#"{"thumb": "down"}"#));
        match answer.status {
            204 => heard += 1,
            status => {
                assert_eq!((status, answer.text.as_str()), (429, "one is heard 5 times a minute"))
            }
        }
    }
    // Of each of two workers, and of a minute that may end meanwhile.
    assert!((5..=20).contains(&heard), "{heard}");
    let version = if is_green(b"ada", 1, 1) { "green" } else { "blue" };
    assert_eq!(counts(&mut proxy, version)[1], heard);
    assert_eq!(proxy.stat(&counter(version, "feedback_limited")), Some(100 - heard));
    assert_eq!(proxy.send(&vote("bob", r#"{"thumb": "down"}"#)).status, 204);
}
