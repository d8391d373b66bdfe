//! Feedback as evidence of a ramp, in a real Envoy.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::blocking::Client;
use serde_json::{Value, json};

use super::classification::frames::{Frame, FrameKind, PREFACE};
use super::ramp_fixture::{
    GOOD_MODEL, RAMP_TIMEOUT, new_client, read_counter, set_models, wait_for_gauges, with_clients,
};
use crate::envoy::process::{TIMEOUT, wait_at_most};
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::proxy::phase::ROLLED_BACK;
use crate::proxy::{Proxy as _, config, counter, set_fields};

fn ramp_with_feedback(overrides: Value) -> Value {
    let mut ramp = json!({
        "steps": [50, 75, 100], "bake": "1s", "warmup": "0s", "tripwires": [],
        "gates": [{"metric": "error_rate"}],
    });
    set_fields(&mut ramp, &overrides);
    config(json!({
        "ramp": ramp,
        "feedback": {"path": "/feedback", "thumb": "/thumb", "score": "/score"},
    }))
}

fn start(config: &Value) -> Envoy {
    let envoy = Envoy::start(config);
    set_models(&envoy, [GOOD_MODEL, GOOD_MODEL]);
    envoy
}

/// What a vote on an answer needs.
#[derive(Clone)]
struct AnswerReceipt {
    user: String,
    version: String,
    receipt: String,
}

fn send_request(envoy: &Envoy, client: &Client, user: String) -> AnswerReceipt {
    let url = format!("{}/model/completions", envoy.url);
    let response = client.post(url).header("x-user-id", &user).send().unwrap();
    let header = |name| response.headers()[name].to_str().unwrap().to_owned();
    let (version, receipt) = (header("x-verdigris-version"), header("x-verdigris-step"));
    response.bytes().unwrap();
    AnswerReceipt { user, version, receipt }
}

fn vote(envoy: &Envoy, client: &Client, on: &AnswerReceipt, body: &Value) -> u16 {
    let url = format!("{}/feedback", envoy.url);
    let request = client.post(url).header("x-user-id", &on.user);
    let request = request.header("x-verdigris-step", &on.receipt).body(body.to_string());
    request.send().unwrap().status().as_u16()
}

/// Runs `work` while new users send requests; calls `after` with each answer.
fn with_requests(
    envoy: &Envoy,
    after: impl Fn(&Client, AnswerReceipt) + Sync,
    work: impl FnOnce(),
) {
    let send = |client: &Client, user| after(client, send_request(envoy, client, user));
    with_clients(send, work);
}

#[test]
fn a_green_with_worse_feedback_is_rolled_back() {
    for (metric, [bad, good]) in [
        ("thumbs_down_rate", [json!({"thumb": "down"}), json!({"thumb": "up"})]),
        ("score", [json!({"score": 0.3}), json!({"score": 0.8})]),
    ] {
        let envoy = start(&ramp_with_feedback(
            json!({"gates": [{"metric": metric}, {"metric": "error_rate"}]}),
        ));
        let votes = AtomicU64::new(0);
        let after = |client: &Client, answer_receipt: AnswerReceipt| {
            let number = votes.fetch_add(1, Ordering::Relaxed);
            // One vote in ten on blue is bad, and one in three on green.
            let one_in = if answer_receipt.version == "green" { 3 } else { 10 };
            let body = if number.is_multiple_of(one_in) { &bad } else { &good };
            assert_eq!(vote(&envoy, client, &answer_receipt, body), 204);
        };
        with_requests(&envoy, after, || {
            wait_for_gauges(&envoy, &[("phase", ROLLED_BACK)]);
        });
        wait_for_gauges(&envoy, &[("phase", ROLLED_BACK), ("green_bp", 0)]);
        let log = envoy.log();
        let decision = log.lines().find(|line| line.contains("green is worse")).unwrap();
        // Only the gate of the feedback decides against green.
        assert!(decision.contains("error_rate undecided") || decision.contains("error_rate pass"));
        assert!(decision.contains(&format!("; {metric} ")), "{decision}");
        assert_eq!(read_counter(&envoy, "green", "feedback_unproved"), 0);
    }
}

/// The answers of the first step.
fn answers_until_second_step(envoy: &Envoy) -> Vec<AnswerReceipt> {
    let answers = Mutex::new(Vec::new());
    let keep = |_: &Client, answer: AnswerReceipt| answers.lock().unwrap().push(answer);
    with_requests(envoy, keep, || wait_for_gauges(envoy, &[("step", 1)]));
    answers.into_inner().unwrap()
}

/// Answers with receipts of another unit, another step and another version, and an invalid one.
fn forge_receipts(own: &AnswerReceipt, other: &AnswerReceipt) -> [AnswerReceipt; 4] {
    let AnswerReceipt { user, receipt, .. } = own.clone();
    let forge = |user: &String, receipt: String| AnswerReceipt {
        user: user.clone(),
        receipt,
        ..other.clone()
    };
    [
        forge(&other.user, receipt.clone()),
        forge(&user, receipt.replace(".1.", ".2.")),
        forge(&user, receipt.replace("green", "blue")),
        forge(&other.user, "green.1.new.0000000000000000".into()),
    ]
}

/// Votes on an answer after a restart of the ramp, and waits until the vote is evidence.
fn vote_after_restart(envoy: &Envoy, client: &Client, body: &Value) {
    // Each worker applies the restart in its own tick.
    let is_fresh =
        |answer: &AnswerReceipt| !answer.receipt.contains(".1.") && !answer.receipt.contains(".2.");
    let mut users = 0..;
    let fresh = wait_at_most(RAMP_TIMEOUT, "an answer after the restart", || {
        Some(send_request(envoy, client, format!("fresh-{}", users.next()?))).filter(is_fresh)
    });
    let thumbs = || read_counter(envoy, &fresh.version, "evidence_thumbs.s0");
    let before = thumbs();
    assert_eq!(vote(envoy, client, &fresh, body), 204);
    wait_at_most(RAMP_TIMEOUT, "the vote", || (thumbs() > before).then_some(()));
}

#[test]
fn the_first_vote_of_a_unit_counts_in_the_step_of_its_receipt() {
    let envoy = start(&ramp_with_feedback(json!({
        // The second step does not end: the filter remembers the units of two steps only.
        "steps": [50, 75, {"percent": 100, "approve": true}],
        "gates": [
            {"metric": "error_rate"},
            {"metric": "thumbs_down_rate", "critical": false},
            {"metric": "score", "critical": false},
        ],
    })));
    let answers = answers_until_second_step(&envoy);
    let first_20_of = |version: &str| {
        let is_newly_exposed =
            |answer: &&AnswerReceipt| answer.receipt.starts_with(&format!("{version}.1.new."));
        answers.iter().filter(is_newly_exposed).take(20).cloned().collect::<Vec<_>>()
    };
    let (blue, green) = (first_20_of("blue"), first_20_of("green"));
    assert_eq!((blue.len(), green.len()), (20, 20));

    let client = new_client();
    let down = json!({"thumb": "down", "score": 0.5});
    for answer_receipt in green.iter().chain(&blue[..5]) {
        // Only a unit's first vote is evidence.
        for _ in 0..3 {
            assert_eq!(vote(&envoy, &client, answer_receipt, &down), 204);
        }
    }
    for answer_receipt in &forge_receipts(&green[0], &blue[10]) {
        assert_eq!(vote(&envoy, &client, answer_receipt, &down), 204);
    }
    let evidence = |version: &str, name: &str, step: u32| {
        read_counter(&envoy, version, &format!("evidence_{name}.s{step}"))
    };
    for name in ["thumbs", "thumbs_down", "scores"] {
        let stat = |version| counter(version, &format!("evidence_{name}.s0"));
        envoy.wait_for_stats(&[(stat("green"), 20), (stat("blue"), 5)]);
    }
    for name in ["thumbs", "thumbs_down", "scores"] {
        assert_eq!((evidence("green", name, 0), evidence("blue", name, 0)), (20, 5), "{name}");
        assert_eq!((evidence("green", name, 1), evidence("blue", name, 1)), (0, 0), "{name}");
    }
    let all = |name: &str| read_counter(&envoy, "green", name) + read_counter(&envoy, "blue", name);
    assert_eq!((all("feedback_down"), all("feedback_unproved")), (3 * 25 + 4, 4));
    assert_eq!((all("score_count"), all("score_milli_sum")), (3 * 25 + 4, 500 * (3 * 25 + 4)));

    // After a restart of the ramp, votes on earlier answers are counted, but are not evidence.
    let mut again =
        ramp_with_feedback(json!({"gates": [{"metric": "thumbs_down_rate"}], "restart": "again"}));
    again["ramp"]["bake"] = json!("1h");
    envoy.write_filter(&filter_yaml(&again)).unwrap();
    wait_for_gauges(&envoy, &[("step", 0)]);
    assert_eq!(vote(&envoy, &client, &blue[7], &down), 204);
    vote_after_restart(&envoy, &client, &down);
    assert_eq!(evidence("green", "thumbs", 0) + evidence("blue", "thumbs", 0), 26);
}

/// Over HTTP/2 without a `content-length`, the body does not end the stream where trailers follow.
#[test]
fn feedback_and_commands_with_trailers_are_taken() {
    const TOKEN: &str = "a-token-that-is-long";
    let config = config(json!({
        "weights": {"blue": 1, "green": 0},
        "feedback": {"path": "/feedback", "thumb": "/thumb"},
    }));
    let envoy = Envoy::start_with(&Setup {
        filter: Some(&filter_yaml(&config)),
        token: Some(TOKEN),
        ..Setup::default()
    });
    let authorization = format!("Bearer {TOKEN}");
    let console = envoy.console.clone().unwrap();
    let table = [
        (&envoy.url, "/feedback", r#"{"thumb": "up"}"#, "204"),
        (&envoy.url, "/feedback", r#"{"thumb": "up""#, "400"),
        (&envoy.url, "/feedback", "", "400"),
        (&console, "/rollback", r#"{"reason": "as asked"}"#, "200"),
        (&console, "/rollback", "", "400"),
    ];
    for (url, path, body, expected) in table {
        let fields =
            [("x-user-id", "ada"), ("x-trailers", "follow"), ("authorization", &authorization)];
        let status = send_with_trailers(url, path, &fields, body);
        assert_eq!(status, expected, "{path} {body}");
    }
    envoy.wait_for_stats(&[(counter("blue", "feedback_up"), 1)]);
}

/// Sends a request with a body and trailers over HTTP/2. Returns the status.
fn send_with_trailers(url: &str, path: &str, fields: &[(&str, &str)], body: &str) -> &'static str {
    let mut connection = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    connection.set_read_timeout(Some(TIMEOUT)).unwrap();
    connection.write_all(PREFACE).unwrap();
    let head =
        [(":method", "POST"), (":scheme", "http"), (":authority", "127.0.0.1"), (":path", path)];
    Frame::settings().write(&mut connection).unwrap();
    Frame::headers(1, &[&head, fields].concat(), false).write(&mut connection).unwrap();
    if !body.is_empty() {
        Frame::data(1, body.as_bytes(), false).write(&mut connection).unwrap();
    }
    Frame::headers(1, &[("x-trailer", "1")], true).write(&mut connection).unwrap();
    loop {
        let frame = Frame::read(&mut connection).unwrap();
        if frame.kind == FrameKind::Headers {
            return status_of(&frame.payload);
        }
    }
}

/// The status in a header block of a response, which begins with an entry of HPACK's static table
/// (RFC 7541, appendix A).
fn status_of(block: &[u8]) -> &'static str {
    match block[0] {
        0x88 => "200",
        0x89 => "204",
        0x8c => "400",
        other => panic!("{other:x}"),
    }
}
