//! Requests whose body takes its time: when they began, and clients that leave meanwhile. On the host
//! emulator.

use serde_json::{Value, json};
use verdigris::analysis::{Metric, Observation};

use crate::host::{Response, Stream};
use crate::patching::CHAT;
use crate::proxy::config;
use crate::ramp_vms::{NS_PER_SECOND, ROOT, RampVms, long_ramp_with};

const BODY: &str = r#"{"model":"now","messages":[]}"#;

/// Envoy's flag for a client that has left.
const DOWNSTREAM_CONNECTION_TERMINATION: u64 = 1 << 14;

/// A release with all users on green, whose requests are patched.
fn patched(read_body: &str) -> Value {
    config(json!({
        "weights": {"blue": 0, "green": 1},
        "versions": {
            "blue": {"cluster": "llm-blue"},
            "green": {"cluster": "llm-green", "request": {"model": "next"}},
        },
        "answers": {},
        "read_body": read_body,
    }))
}

fn upload(user: &str, response: Response) -> Stream {
    let length = BODY.len().to_string();
    let headers =
        [("x-user-id", user), ("content-type", "application/json"), ("content-length", &length)];
    let stream = Stream::request("POST", CHAT, &headers);
    let body = BODY.as_bytes().to_vec();
    Stream { buffered: body.len(), body: Some(body), response, ..stream }
}

/// A stream that the client has ended without a response.
fn client_left() -> Response {
    let flags = DOWNSTREAM_CONNECTION_TERMINATION;
    Response { headers: Vec::new(), is_complete: false, flags, ..Response::default() }
}

/// docs/reference/ramp.md: the time from the request's headers.
#[test]
fn the_time_of_a_response_begins_with_the_headers_of_its_request() {
    let unpatched = config(json!({"weights": {"blue": 0, "green": 1}, "answers": {}}));
    let in_body = config(json!({
        "weights": {"blue": 0, "green": 1},
        "answers": {},
        "conversation": {"id": {"pointer": "/conversation"}},
    }));
    let table = [
        ("unpatched", unpatched),
        ("patched, before routing", patched("before_routing")),
        ("patched, after routing", patched("after_routing")),
        ("the conversation is in the body", in_body),
    ];
    for (name, release) in table {
        let mut vms = RampVms::start_with(1, &release);
        vms.set_clock(100 * NS_PER_SECOND, true);
        let vm = &mut vms.vms[0];
        vm.headers_may_wait(10, ROOT, upload("ada", Response::default()));
        vms.advance_clock(3);
        let size = u32::try_from(BODY.len()).unwrap();
        vms.vms[0].pass_request_piece(10, size);
        vms.advance_clock(1);
        vms.vms[0].respond(10);
        assert_eq!(vms.stat("green.responses_2xx"), 1, "{name}");
        assert_eq!(vms.stat("green.duration_ms"), 4_000, "{name}");
    }
}

/// A client that leaves during the upload counts as it does for a version that is not patched.
#[test]
fn a_client_that_leaves_during_the_upload_counts_for_its_version() {
    for (read_body, waits) in [("before_routing", true), ("after_routing", false)] {
        let mut vms = RampVms::start_with(1, &patched(read_body));
        let (has_waited, _) = vms.vms[0].headers_may_wait(10, ROOT, upload("ada", client_left()));
        assert_eq!(has_waited, waits);
        vms.vms[0].end(10);
        for (name, count) in [
            ("green.requests", 1),
            ("green.aborted", 1),
            ("green.decisions_weight", 1),
            ("green.decisions_unpatchable", 0),
            ("blue.requests", 0),
            ("blue.decisions_unpatchable", 0),
        ] {
            assert_eq!(vms.stat(name), count, "{read_body} {name}");
        }
    }
}

/// Envoy answers 408 or 413 itself.
#[test]
fn a_request_that_envoy_answers_during_the_upload_counts_as_unpatchable() {
    let mut vms = RampVms::start_with(1, &patched("before_routing"));
    let status = vec![(":status".to_owned(), b"413".to_vec())];
    let answer = Response { headers: status, ..Response::default() };
    vms.vms[0].headers_may_wait(10, ROOT, upload("ada", answer));
    vms.vms[0].respond(10);
    assert_eq!(vms.stat("green.requests"), 0);
    assert_eq!(vms.stat("blue.decisions_unpatchable"), 1);
}

/// Blue's bodies are not read, so that nobody knows which of its requests green's patch would not fit. If
/// green's did not count, its users would look as if they sent no such requests.
#[test]
fn a_request_whose_body_alone_shows_that_it_is_unpatchable_is_evidence_for_its_version() {
    for unpatchable in ["blue", "pass"] {
        let mut release = long_ramp_with(&json!({"gates": [{"metric": "error_rate"}]}));
        release["versions"]["green"]["request"] =
            json!({"model": "next", "unpatchable": unpatchable});
        let mut vms = RampVms::start_with(2, &release);
        vms.set_clock(100 * NS_PER_SECOND, true);
        vms.tick_all();
        for user in 0..40_u32 {
            let context = 10 + user;
            let body = Some(BODY.replace('{', "(").into_bytes());
            let stream = upload(&format!("user-{user}"), Response::default());
            let size = u32::try_from(stream.buffered).unwrap();
            let stream = Stream { body, ..stream };
            vms.vms[1].headers_may_wait(context, ROOT, stream);
            vms.vms[1].pass_request_piece(context, size);
            vms.vms[1].respond(context);
        }
        vms.tick(1);
        let observations = vms.queued_observations();
        let of = |version: &str| {
            let answered = |it: &&Observation| it.measurements.is_response();
            let of_version = observations.iter().filter(|it| it.version.as_str() == version);
            of_version.filter(answered).count()
        };
        let (blue, green) = (of("blue"), of("green"));
        assert!(blue > 0 && green > 0, "{unpatchable} {blue} {green}");
        assert_eq!(blue + green, 40, "{unpatchable}");
        let answered_by_green = if unpatchable == "blue" { 0 } else { green as u64 };
        assert_eq!(vms.stat("green.responses_2xx"), answered_by_green, "{unpatchable}");
    }
}

/// Each version has the aborts of its own uploads in the evidence, from the time of the headers on.
#[test]
fn an_abort_during_the_upload_is_evidence_for_its_version() {
    let mut release = long_ramp_with(&json!({"gates": [{"metric": "abort_rate"}]}));
    release["versions"]["green"]["request"] = json!({"model": "next"});
    let mut vms = RampVms::start_with(2, &release);
    vms.set_clock(100 * NS_PER_SECOND, true);
    vms.tick_all();
    for user in 0..40_u32 {
        let context = 10 + user;
        let stream = upload(&format!("user-{user}"), client_left());
        vms.vms[1].headers_may_wait(context, ROOT, stream);
        vms.advance_clock(1);
        vms.vms[1].end(context);
        vms.set_clock(100 * NS_PER_SECOND, true);
    }
    vms.tick(1);
    let observations = vms.queued_observations();
    let aborts_of = |version: &str| {
        let of_version = observations.iter().filter(|it| it.version.as_str() == version);
        of_version.filter(|it| it.measurements.is_bad(Metric::AbortRate) == Some(true)).count()
    };
    let (blue, green) = (aborts_of("blue"), aborts_of("green"));
    assert!(blue > 0 && green > 0, "{blue} {green}");
    assert_eq!(blue + green, 40);
}

/// The time that a client takes to send its request is not the version's: five accounts that did not end
/// theirs rolled back, by the gate on slow responses.
#[test]
fn a_request_that_its_client_does_not_end_is_not_slow() {
    let gates = json!([{"metric": "slow_rate", "objective": "2s"}]);
    let mut vms = RampVms::start_with(2, &long_ramp_with(&json!({"gates": gates})));
    vms.set_clock(100 * NS_PER_SECOND, true);
    vms.tick_all();
    let contexts = 10..50_u32;
    for context in contexts.clone() {
        let stream = upload(&format!("user-{context}"), Response::default());
        let (waits, _) = vms.vms[1].headers_may_wait(context, ROOT, stream);
        assert!(!waits);
    }
    let slow_after = |vms: &mut RampVms, seconds| {
        vms.advance_clock(seconds);
        // The first VM leads, and has taken what came before.
        vms.tick_all();
        let observations = vms.queued_observations();
        let is_slow = |it: &&Observation| it.measurements.is_bad(Metric::SlowRate) == Some(true);
        observations.iter().filter(is_slow).count()
    };
    assert_eq!(slow_after(&mut vms, 60), 0);
    for context in contexts {
        vms.vms[1].end_request(context, u32::try_from(BODY.len()).unwrap());
    }
    assert_eq!(slow_after(&mut vms, 1), 0);
    // From then on the versions have two seconds.
    assert_eq!(slow_after(&mut vms, 2), 40);
}
