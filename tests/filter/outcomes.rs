//! What responses come to, on the host emulator, where every ending can be staged.

use serde_json::{Value, json};

use crate::host::{Host, Response};
use crate::proxy::{Proxy as _, Request, config, counter};

const CHAT: &str = "/v1/chat/completions";
const CLIENT_LEFT: u64 = 1 << 14;
const UPSTREAM_RESET: u64 = 1 << 4;

fn answers(differs: Value) -> Value {
    let mut config = config(json!({"answers": {}, "weights": {"blue": 0, "green": 1}}));
    config.as_object_mut().unwrap().extend(differs.as_object().unwrap().clone());
    config
}

fn request(path: &str) -> Request {
    Request::of("ada").header(":path", path)
}

fn response(status: &str, content_type: &str, pieces: &[&str]) -> Response {
    let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    Response {
        headers: vec![header(":status", status), header("content-type", content_type)],
        pieces: pieces.iter().map(|piece| piece.as_bytes().to_vec()).collect(),
        ..Response::default()
    }
}

fn stream(pieces: &[&str]) -> Response {
    response("200", "text/event-stream", pieces)
}

type Counts = Vec<(&'static str, u64)>;

/// Green's counters that are not 0, without what is counted of the decision.
fn counts(host: &mut Host) -> Counts {
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

const ROLE: &str =
    "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
const HI: &str =
    "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}],\"model\":\"gpt-4o-mini\"}\n\n";
const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":20,\"prompt_tokens_details\":{\"cached_tokens\":40}}}\n\n";
const WHOLE: &str = "{\"choices\":[{\"message\":{\"content\":\"Hi\"}}],";
const ERROR: &str = "data: {\"error\":{\"message\":\"m\"}}\n\n";
const AMAZON: &str = "application/vnd.amazon.eventstream";
const DONE: &str = "data: [DONE]\n\n";

#[test]
fn each_ending_is_counted_where_it_belongs() {
    let cut = |response: Response, flags| Response { is_complete: false, flags, ..response };
    let encoded = {
        let mut response = stream(&["\u{1f}compressed"]);
        response.headers.push(("content-encoding".into(), b"gzip".to_vec()));
        response
    };
    let no_response = Response { headers: Vec::new(), ..Response::default() };
    let json = "application/json";
    let usage = [("tokens_input", 100), ("tokens_output", 20), ("tokens_cached", 40)];
    let read = |errors: &[(&'static str, u64)], rest: &[(&'static str, u64)]| {
        let mut counts = vec![("responses_2xx", 1)];
        counts.extend_from_slice(errors);
        counts.push(("answers", 1));
        counts.extend_from_slice(rest);
        counts
    };
    let cases: Vec<(&str, &str, Response, Counts)> = vec![
        ("complete", CHAT, stream(&[ROLE, HI, USAGE, DONE]), read(&[], &usage)),
        ("no terminator", CHAT, stream(&[ROLE, HI, USAGE]), read(&[("errors", 1)], &usage)),
        ("an error inside", CHAT, stream(&[HI, ERROR, DONE]), read(&[("errors", 1)], &[])),
        (
            "the upstream resets",
            CHAT,
            cut(stream(&[ROLE, HI]), UPSTREAM_RESET),
            read(&[("errors", 1)], &[]),
        ),
        (
            "the client leaves",
            CHAT,
            cut(stream(&[ROLE, HI]), CLIENT_LEFT),
            read(&[("aborted", 1)], &[]),
        ),
        (
            "the client leaves after an error",
            CHAT,
            cut(stream(&[ERROR]), CLIENT_LEFT),
            read(&[("errors", 1), ("aborted", 1)], &[]),
        ),
        (
            "the client leaves with the last word",
            CHAT,
            cut(stream(&[HI, USAGE, DONE]), CLIENT_LEFT),
            read(&[], &usage),
        ),
        (
            "the client leaves before there is a response",
            CHAT,
            cut(no_response.clone(), CLIENT_LEFT),
            vec![("responses_none", 1), ("aborted", 1)],
        ),
        (
            "no response",
            CHAT,
            cut(no_response, UPSTREAM_RESET),
            vec![("responses_none", 1), ("errors", 1)],
        ),
        ("503", CHAT, response("503", json, &["{}"]), vec![("responses_5xx", 1), ("errors", 1)]),
        ("429", CHAT, response("429", json, &["{}"]), vec![("responses_429", 1), ("errors", 1)]),
        (
            "404",
            CHAT,
            response("404", json, &["{}"]),
            vec![("responses_4xx", 1), ("client_errors", 1)],
        ),
        ("301", CHAT, response("301", json, &[]), vec![("responses_3xx", 1)]),
        (
            "compressed",
            CHAT,
            encoded,
            vec![("responses_2xx", 1), ("unread", 1), ("unread_encoded", 1)],
        ),
        (
            "not JSON",
            CHAT,
            stream(&["data: hello\n\n", DONE]),
            vec![("responses_2xx", 1), ("unread", 1), ("unread_malformed", 1)],
        ),
        (
            "a stream at a path that is not known",
            "/ask",
            stream(&[HI, DONE]),
            vec![("responses_2xx", 1), ("unread", 1), ("unread_unknown_format", 1)],
        ),
        (
            "Amazon's stream at such a path",
            "/model/m/invoke-with-response-stream",
            response("200", AMAZON, &["\0"]),
            vec![("responses_2xx", 1), ("unread", 1), ("unread_unknown_format", 1)],
        ),
        (
            "Amazon's stream of another API than Converse",
            CHAT,
            response("200", AMAZON, &["\0"]),
            vec![("responses_2xx", 1), ("unread", 1), ("unread_unknown_format", 1)],
        ),
        (
            "Amazon's stream that is none",
            "/model/m/converse-stream",
            response("200", AMAZON, &["upstream connect ", "error"]),
            vec![("responses_2xx", 1), ("unread", 1), ("unread_malformed", 1)],
        ),
        (
            "something else at such a path",
            "/v1/models",
            response("200", json, &["{}"]),
            vec![("responses_2xx", 1)],
        ),
        (
            "a plain answer",
            CHAT,
            response("200", json, &[WHOLE, "\"usage\":{\"completion_", "tokens\":7}}"]),
            read(&[], &[("tokens_output", 7)]),
        ),
    ];
    for (what, path, response, expected) in cases {
        let mut host = Host::start(&answers(json!({})));
        host.send_for(&request(path), response);
        assert_eq!(counts(&mut host), expected, "{what}");
    }
}

/// The time to the first token is a stream's, whatever it is divided by.
#[test]
fn streams_are_told_from_documents_by_their_content_type() {
    let streams = ["application/x-ndjson", "text/event-stream"].map(|kind| (kind, 1));
    for (kind, times) in streams.into_iter().chain([("application/json; charset=utf-8", 0)]) {
        let mut host = Host::start(&answers(json!({})));
        let pieces = ["{\"message\":{\"content\":\"Hi\"}}\n", "{\"done\":true,\"eval_count\":7}\n"];
        host.send_for(&request("/api/chat"), response("200", kind, &pieces));
        let read = [("responses_2xx", 1), ("answers", 1), ("tokens_output", 7)];
        assert_eq!(counts(&mut host), read, "{kind}");
        assert_eq!(host.stat(&counter("green", "ttft_ms")), Some(times), "{kind}");
    }
}

#[test]
fn tokens_cost_what_the_closest_price_says() {
    let prices = json!({
        "*": {"input": 1000, "output": 1000},
        "gpt-*": {"input": 500, "output": 500},
        "gpt-4o-mini": {"input": 0.15, "cached_input": 0.075, "output": 0.6},
    });
    let mut host = Host::start(&answers(json!({"prices": prices})));
    host.send_for(&request(CHAT), stream(&[HI, USAGE, DONE]));
    // 60 × 0.15 + 40 × 0.075 + 20 × 0.6 millionths of a dollar.
    assert_eq!(host.stat(&counter("green", "cost_microusd")), Some(24));
}

#[test]
fn refusals_can_be_told_by_how_an_answer_opens() {
    let phrases = json!({"answers": {"refusal_phrases": ["I'm sorry, but", "As an AI"]}});
    let delta =
        |text: &str| format!("data: {}\n\n", json!({"choices": [{"delta": {"content": text}}]}));
    let cases: [(&[&str], u64); 5] = [
        (&["I'm sorry, but no"], 1),
        (&["\n i", "'M SOR", "ry, b", "ut no"], 1),
        (&["As an AI, I"], 1),
        (&["Well, as an AI"], 0),
        (&["I'm sorry"], 0),
    ];
    for (texts, refusals) in cases {
        let mut host = Host::start(&answers(phrases.clone()));
        let mut pieces: Vec<String> = texts.iter().map(|text| delta(text)).collect();
        pieces.push(DONE.to_owned());
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        host.send_for(&request(CHAT), stream(&pieces));
        assert_eq!(host.stat(&counter("green", "refusals")), Some(refusals), "{texts:?}");
    }
}

#[test]
fn formats_can_be_configured_by_version_and_by_path() {
    let gemini = "data: {\"candidates\":[{\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":5}}\n\n";
    let by_version = json!({"versions": {
        "blue": {"cluster": "llm-blue"},
        "green": {"cluster": "llm-green", "format": "gemini"},
    }});
    let by_path = json!({"answers": {"paths": [{"prefix": "/ask", "format": "gemini"}]}});
    let for_all = json!({"answers": {"format": "gemini"}});
    for differs in [by_version, by_path, for_all] {
        let mut host = Host::start(&answers(differs.clone()));
        host.send_for(&request("/ask?q"), stream(&[gemini]));
        assert_eq!(host.stat(&counter("green", "tokens_input")), Some(5), "{differs}");
        assert_eq!(host.stat(&counter("green", "errors")), Some(0), "{differs}");
    }
}

#[test]
fn pinned_and_forced_requests_have_no_outcome() {
    let mut host = Host::start(&answers(json!({
        "pins": {"green": ["qa-7"]},
        "force_header": "x-force",
        "on_missing": "random",
    })));
    host.send_for(&Request::of("qa-7"), response("500", "", &[]));
    host.send_for(&Request::of("ada").header("x-force", "green"), response("500", "", &[]));
    assert_eq!(counts(&mut host), []);
    host.send_for(&Request::anonymous(), response("500", "", &[]));
    assert_eq!(counts(&mut host), [("responses_5xx", 1), ("errors", 1)]);
}

#[test]
fn plain_answers_are_asked_for_where_that_is_configured() {
    for (plain, expected) in [(false, "gzip"), (true, "identity")] {
        let mut host = Host::start(&answers(json!({"answers": {"plain": plain}})));
        let request = request(CHAT).header("accept-encoding", "gzip");
        let answer = host.send(&request);
        assert_eq!(answer.forwarded("accept-encoding"), [expected.as_bytes()]);
    }
}

/// With `"read": false` statuses, endings and durations are all that is looked at.
#[test]
fn outcomes_are_counted_without_reading() {
    let cut = |response: Response, flags| Response { is_complete: false, flags, ..response };
    let cases: Vec<(&str, Response, Counts)> = vec![
        ("an error inside", stream(&[HI, ERROR, DONE]), vec![("responses_2xx", 1)]),
        ("no terminator", stream(&[HI]), vec![("responses_2xx", 1)]),
        ("429", response("429", "text/plain", &[]), vec![("responses_429", 1), ("errors", 1)]),
        (
            "the upstream resets",
            cut(stream(&[HI]), UPSTREAM_RESET),
            vec![("responses_2xx", 1), ("errors", 1)],
        ),
        (
            "the client leaves",
            cut(stream(&[HI]), CLIENT_LEFT),
            vec![("responses_2xx", 1), ("aborted", 1)],
        ),
    ];
    for (name, response, expected) in cases {
        let mut host = Host::start(&answers(json!({"answers": {"read": false}})));
        host.send_for(&request(CHAT), response);
        assert_eq!(counts(&mut host), expected, "{name}");
        assert!(host.stat(&counter("green", "duration_ms")).unwrap() > 0, "{name}");
    }
}

/// With failover another version may have answered: an error, of which nothing else counts.
#[test]
fn an_answer_by_another_version_is_an_error() {
    let own: Counts = vec![("responses_2xx", 1), ("answers", 1), ("tokens_input", 100)];
    let other: Counts = vec![("responses_2xx", 1), ("errors", 1), ("failed_over", 1)];
    let table = [
        // What the endpoint's metadata say, how often the request was sent, what is counted.
        (Some("green"), 1, &own),
        (Some("green"), 2, &own),
        (Some("blue"), 1, &other),
        (Some("blue"), 2, &other),
        (Some("next"), 1, &other),
        (None, 1, &own),
        (None, 2, &other),
    ];
    let failover = |read: bool| {
        let mut config = answers(json!({"answers": {"read": read}}));
        config["versions"]["green"]["failover"] = json!({"cluster": "llm-green-failover"});
        config
    };
    for (version, attempts, expected) in table {
        let response = || Response { version, attempts, ..stream(&[ROLE, HI, USAGE, DONE]) };
        let mut host = Host::start(&failover(true));
        host.send_for(&request(CHAT), response());
        let mut counted = counts(&mut host);
        counted.retain(|(name, _)| !["tokens_output", "tokens_cached"].contains(name));
        assert_eq!(&counted, expected, "{version:?} {attempts}");
        let has_times = host.stat(&counter("green", "duration_ms")).is_some_and(|it| it > 0);
        assert_eq!(has_times, expected == &own, "{version:?} {attempts}");

        let mut host = Host::start(&failover(false));
        host.send_for(&request(CHAT), response());
        let mut expected = expected.clone();
        expected.retain(|(name, _)| !["answers", "tokens_input"].contains(name));
        assert_eq!(counts(&mut host), expected, "{version:?} {attempts} unread");
    }
    // Without failover the host is not asked.
    let mut host = Host::start(&answers(json!({})));
    let calls = host.calls_of(&request(CHAT));
    assert!(!calls.contains(&"proxy_get_property"), "{calls:?}");
}

/// What the host refuses is missing from the counts, and nothing else is lost.
#[test]
fn a_host_that_refuses_to_show_the_answer_harms_nothing() {
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
                let mut host = Host::start(&answers(json!({"answers": {"read": read}})));
                host.refuse(call, status);
                let response = Response { is_complete: false, ..stream(&[HI, DONE]) };
                assert_eq!(host.send_for(&request(CHAT), response).status, 200, "{call} {status}");
            }
        }
    }
    let mut host = Host::start(&answers(json!({})));
    host.refuse("proxy_get_buffer_bytes", 10);
    host.send_for(&request(CHAT), stream(&[HI, DONE]));
    assert_eq!(counts(&mut host), [("responses_2xx", 1), ("unread", 1), ("unread_malformed", 1)]);
}

/// Nothing is asked of the host after the request's headers.
#[test]
fn without_answers_nothing_is_looked_at() {
    let config = config(json!({"weights": {"blue": 0, "green": 1}}));
    let mut host = Host::start(&config);
    host.send_for(&request(CHAT), stream(&[HI, DONE]));
    let calls = host.calls_of(&request(CHAT));
    assert_eq!(calls.len(), 5, "{calls:?}");
    assert_eq!(host.stat(&counter("green", "responses_2xx")), None);
}
