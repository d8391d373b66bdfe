//! The outcomes of responses. The host emulator can produce every end of a stream.

use serde_json::{Value, json};

use crate::host::{Host, Response};
use crate::proxy::{Proxy as _, Request, config, counter, set_fields};

pub const CHAT: &str = "/v1/chat/completions";
/// Envoy's response flags.
const CLIENT_LEFT: u64 = 1 << 14;
const UPSTREAM_RESET: u64 = 1 << 4;

pub fn with_answers(overrides: Value) -> Value {
    let mut config = config(json!({"answers": {}, "weights": {"blue": 0, "green": 1}}));
    set_fields(&mut config, &overrides);
    config
}

pub fn request_to(path: &str) -> Request {
    Request::from_user("ada").header(":path", path)
}

pub fn response(status: &str, content_type: &str, chunks: &[&str]) -> Response {
    let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    Response {
        headers: vec![header(":status", status), header("content-type", content_type)],
        pieces: chunks.iter().map(|chunk| chunk.as_bytes().to_vec()).collect(),
        ..Response::default()
    }
}

pub fn event_stream(chunks: &[&str]) -> Response {
    response("200", "text/event-stream", chunks)
}

pub type Counts = Vec<(&'static str, u64)>;

/// Green's counters of outcomes that are not 0.
pub fn green_counts(host: &mut Host) -> Counts {
    let metrics = [
        "responses_2xx",
        "responses_3xx",
        "responses_4xx",
        "responses_429",
        "responses_5xx",
        "responses_none",
        "errors",
        "client_errors",
        "failed_over",
        "aborted",
        "answers",
        "empty",
        "unread",
        "unread_encoded",
        "unread_unknown_format",
        "unread_malformed",
        "refusals",
        "truncations",
        "tokens_input",
        "tokens_output",
        "tokens_cached",
        "tokens_cache_write",
        "tokens_reasoning",
        "cost_microusd",
    ];
    let count = |metric| (metric, host.stat(&counter("green", metric)).unwrap());
    metrics.map(count).into_iter().filter(|(_, count)| *count > 0).collect()
}

/// The case's name, the request path, the response and green's counters afterwards.
pub type Case = (&'static str, &'static str, Response, Counts);

pub const JSON: &str = "application/json";
const ROLE: &str =
    "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
pub const HI: &str =
    "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}],\"model\":\"gpt-4o-mini\"}\n\n";
pub const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":20,\"prompt_tokens_details\":{\"cached_tokens\":40}}}\n\n";
const ERROR: &str = "data: {\"error\":{\"message\":\"m\"}}\n\n";
pub const DONE: &str = "data: [DONE]\n\n";
const TOKENS: Counters = &[("tokens_input", 100), ("tokens_output", 20), ("tokens_cached", 40)];

pub type Counters = &'static [(&'static str, u64)];

/// A response that ends with these flags before its body is complete.
fn incomplete(response: Response, flags: u64) -> Response {
    Response { is_complete: false, flags, ..response }
}

/// The counts of a 200 that was read.
pub fn read(errors: Counters, rest: Counters) -> Counts {
    [&[("responses_2xx", 1)], errors, &[("answers", 1)], rest].concat()
}

pub fn assert_cases(cases: Vec<Case>) {
    for (name, path, response, expected) in cases {
        let mut host = Host::start(&with_answers(json!({})));
        host.send_for(&request_to(path), response);
        assert_eq!(green_counts(&mut host), expected, "{name}");
    }
}

#[test]
fn each_end_of_a_response_moves_its_counters() {
    let no_response = Response { headers: Vec::new(), ..Response::default() };
    assert_cases(vec![
        ("complete", CHAT, event_stream(&[ROLE, HI, USAGE, DONE]), read(&[], TOKENS)),
        ("no terminator", CHAT, event_stream(&[ROLE, HI, USAGE]), read(&[("errors", 1)], TOKENS)),
        ("an error inside", CHAT, event_stream(&[HI, ERROR, DONE]), read(&[("errors", 1)], &[])),
        (
            "the upstream resets",
            CHAT,
            incomplete(event_stream(&[ROLE, HI]), UPSTREAM_RESET),
            read(&[("errors", 1)], &[]),
        ),
        (
            "the client leaves",
            CHAT,
            incomplete(event_stream(&[ROLE, HI]), CLIENT_LEFT),
            read(&[("aborted", 1)], &[]),
        ),
        (
            "the client leaves after an error",
            CHAT,
            incomplete(event_stream(&[ERROR]), CLIENT_LEFT),
            read(&[("errors", 1), ("aborted", 1)], &[]),
        ),
        (
            "the client leaves after the last event",
            CHAT,
            incomplete(event_stream(&[HI, USAGE, DONE]), CLIENT_LEFT),
            read(&[], TOKENS),
        ),
        (
            "the client leaves before the response",
            CHAT,
            incomplete(no_response.clone(), CLIENT_LEFT),
            vec![("responses_none", 1), ("aborted", 1)],
        ),
        (
            "no response",
            CHAT,
            incomplete(no_response, UPSTREAM_RESET),
            vec![("responses_none", 1), ("errors", 1)],
        ),
    ]);
}

#[test]
fn each_status_moves_its_counters() {
    assert_cases(vec![
        ("503", CHAT, response("503", JSON, &["{}"]), vec![("responses_5xx", 1), ("errors", 1)]),
        ("429", CHAT, response("429", JSON, &["{}"]), vec![("responses_429", 1), ("errors", 1)]),
        (
            "404",
            CHAT,
            response("404", JSON, &["{}"]),
            vec![("responses_4xx", 1), ("client_errors", 1)],
        ),
        ("301", CHAT, response("301", JSON, &[]), vec![("responses_3xx", 1)]),
    ]);
}

#[test]
fn pinned_and_forced_requests_do_not_count_in_the_outcomes() {
    let mut host = Host::start(&with_answers(json!({
        "pins": {"green": ["qa-7"]},
        "force_header": "x-force",
        "on_missing": "random",
    })));
    host.send_for(&Request::from_user("qa-7"), response("500", "", &[]));
    host.send_for(&Request::from_user("ada").header("x-force", "green"), response("500", "", &[]));
    assert_eq!(green_counts(&mut host), []);
    host.send_for(&Request::anonymous(), response("500", "", &[]));
    assert_eq!(green_counts(&mut host), [("responses_5xx", 1), ("errors", 1)]);
}

/// They stay pinned or forced where they cannot be patched.
#[test]
fn unpatchable_requests_that_were_pinned_or_forced_do_not_count_in_the_outcomes() {
    for read_body in ["before_routing", "after_routing"] {
        let request = json!({"model": "next", "system": {"append": "Be brief."}});
        let mut host = Host::start(&with_answers(json!({
            "pins": {"green": ["qa-7"]},
            "force_header": "x-force",
            "read_body": read_body,
            "versions": {
                "blue": {"cluster": "llm-blue"},
                "green": {"cluster": "llm-green", "request": request},
            },
        })));
        let sum = |host: &mut Host, metric| {
            let of = |version| host.stat(&counter(version, metric)).unwrap();
            ["blue", "green"].map(of).iter().sum::<u64>()
        };
        let mut unpatchable = 0;
        for (user, forced, outcomes) in
            [("qa-7", None, 0), ("ada", Some("green"), 0), ("ada", None, 1)]
        {
            // One is known by its headers, and one by its body.
            for (content_type, body) in [("text/plain", "{}"), ("application/json", "no JSON")] {
                let request = Request::from_user(user).header("content-type", content_type);
                let request = forced.into_iter().fold(request, |it, to| it.header("x-force", to));
                let before = sum(&mut host, "responses_5xx");
                host.send_for(&request.post(CHAT, body), response("500", "", &[]));
                unpatchable += 1;
                assert_eq!(sum(&mut host, "decisions_unpatchable"), unpatchable, "{read_body}");
                let counted = sum(&mut host, "responses_5xx") - before;
                assert_eq!(counted, outcomes, "{read_body} {user} {forced:?} {body}");
            }
        }
    }
}

/// With `"read": false` the filter does not read bodies.
#[test]
fn without_reading_outcomes_are_counted_by_status_and_end_of_stream() {
    let cases: Vec<(&str, Response, Counts)> = vec![
        ("an error inside", event_stream(&[HI, ERROR, DONE]), vec![("responses_2xx", 1)]),
        ("no terminator", event_stream(&[HI]), vec![("responses_2xx", 1)]),
        ("429", response("429", "text/plain", &[]), vec![("responses_429", 1), ("errors", 1)]),
        (
            "the upstream resets",
            incomplete(event_stream(&[HI]), UPSTREAM_RESET),
            vec![("responses_2xx", 1), ("errors", 1)],
        ),
        (
            "the client leaves",
            incomplete(event_stream(&[HI]), CLIENT_LEFT),
            vec![("responses_2xx", 1), ("aborted", 1)],
        ),
    ];
    for (name, response, expected) in cases {
        let mut host = Host::start(&with_answers(json!({"answers": {"read": false}})));
        host.send_for(&request_to(CHAT), response);
        assert_eq!(green_counts(&mut host), expected, "{name}");
        assert!(host.stat(&counter("green", "duration_ms")).unwrap() > 0, "{name}");
    }
    // A gRPC call that ends by its client's deadline, and one that ends before it.
    for (timeout, expected) in [("1n", "aborted"), ("10S", "errors")] {
        let mut host = Host::start(&with_answers(json!({"answers": {"read": false}})));
        let mut ended = response("200", "application/grpc", &[]);
        ended.headers.push(("grpc-status".to_owned(), b"4".to_vec()));
        host.send_for(&request_to("/llm.Chat/Ask").header("grpc-timeout", timeout), ended);
        assert_eq!(host.stat(&counter("green", expected)), Some(1), "{timeout}");
    }
}

/// With failover blue may have answered a request of green.
#[test]
fn an_answer_of_another_version_counts_only_as_an_error() {
    let own: Counts = vec![("responses_2xx", 1), ("answers", 1), ("tokens_input", 100)];
    let other: Counts = vec![("responses_2xx", 1), ("errors", 1), ("failed_over", 1)];
    let table = [
        // The version in the endpoint's metadata, the number of attempts, the expected counts.
        (Some("green"), 1, &own),
        (Some("green"), 2, &own),
        (Some("blue"), 1, &other),
        (Some("blue"), 2, &other),
        (Some("next"), 1, &other),
        (None, 1, &own),
        (None, 2, &other),
    ];
    let failover = |read: bool| {
        let mut config = with_answers(json!({"answers": {"read": read}}));
        config["versions"]["green"]["failover"] = json!({"cluster": "llm-green-failover"});
        config
    };
    for (version, attempts, expected) in table {
        let response = || Response { version, attempts, ..event_stream(&[ROLE, HI, USAGE, DONE]) };
        let mut host = Host::start(&failover(true));
        host.send_for(&request_to(CHAT), response());
        let mut counts = green_counts(&mut host);
        counts.retain(|(name, _)| !["tokens_output", "tokens_cached"].contains(name));
        assert_eq!(&counts, expected, "{version:?} {attempts}");
        let has_duration =
            host.stat(&counter("green", "duration_ms")).is_some_and(|count| count > 0);
        assert_eq!(has_duration, expected == &own, "{version:?} {attempts}");

        let mut host = Host::start(&failover(false));
        host.send_for(&request_to(CHAT), response());
        let mut expected = expected.clone();
        expected.retain(|(name, _)| !["answers", "tokens_input"].contains(name));
        assert_eq!(green_counts(&mut host), expected, "{version:?} {attempts} unread");
    }
    // Without failover the filter reads no property.
    let mut host = Host::start(&with_answers(json!({})));
    let calls = host.calls_of(&request_to(CHAT));
    assert!(!calls.contains(&"proxy_get_property"), "{calls:?}");
}

/// Only the counts that need the refused call are missing.
#[test]
fn a_response_that_cannot_be_read_passes() {
    let calls = [
        "proxy_get_header_map_value",
        "proxy_get_header_map_pairs",
        "proxy_get_buffer_bytes",
        "proxy_get_property",
        "proxy_increment_metric",
        "proxy_record_metric",
    ];
    for read in [true, false] {
        for call in calls {
            for status in [1, 10, u32::MAX] {
                let mut host = Host::start(&with_answers(json!({"answers": {"read": read}})));
                host.refuse(call, status);
                let response = Response { is_complete: false, ..event_stream(&[HI, DONE]) };
                assert_eq!(
                    host.send_for(&request_to(CHAT), response).status,
                    200,
                    "{call} {status}"
                );
            }
        }
    }
    let mut host = Host::start(&with_answers(json!({})));
    host.refuse("proxy_get_buffer_bytes", 10);
    host.send_for(&request_to(CHAT), event_stream(&[HI, DONE]));
    assert_eq!(
        green_counts(&mut host),
        [("responses_2xx", 1), ("unread", 1), ("unread_malformed", 1)]
    );
}

/// The status is read alone where the host does not return all headers. Where it returns none, nothing is
/// known of the response, and that is no failure of its version.
#[test]
fn a_response_whose_headers_cannot_be_read_is_no_error() {
    let (all, one) = ("proxy_get_header_map_pairs", "proxy_get_header_map_value");
    let table: [(&[&str], &str, Counters); 4] = [
        (&[all], "200", &[("responses_2xx", 1)]),
        (&[all], "503", &[("responses_5xx", 1), ("errors", 1)]),
        (&[all, one], "200", &[("responses_none", 1)]),
        (&[all, one], "503", &[("responses_none", 1)]),
    ];
    for read in [true, false] {
        for (calls, status, expected) in table {
            let answers = json!({"answers": {"read": read}, "on_missing": "random"});
            let mut host = Host::start(&with_answers(answers));
            calls.iter().for_each(|&call| host.refuse(call, 10));
            host.send_for(&request_to(CHAT), response(status, JSON, &["{}"]));
            assert_eq!(green_counts(&mut host), expected, "{read} {calls:?} {status}");
        }
    }
}

#[test]
fn without_answers_the_filter_makes_no_calls_after_the_request_headers() {
    let config = config(json!({"weights": {"blue": 0, "green": 1}}));
    let mut host = Host::start(&config);
    host.send_for(&request_to(CHAT), event_stream(&[HI, DONE]));
    let calls = host.calls_of(&request_to(CHAT));
    assert_eq!(calls.len(), 5, "{calls:?}");
    assert_eq!(host.stat(&counter("green", "responses_2xx")), None);
}
