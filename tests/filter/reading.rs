//! Which answers the filter reads, and what it reads in them. On the host emulator.

use serde_json::json;

use crate::host::Host;
use crate::outcomes::{
    CHAT, DONE, HI, JSON, USAGE, assert_cases, event_stream, green_counts, read, request_to,
    response, with_answers,
};
use crate::proxy::{Proxy as _, counter};

const DOCUMENT_START: &str = "{\"choices\":[{\"message\":{\"content\":\"Hi\"}}],";
const AMAZON: &str = "application/vnd.amazon.eventstream";

#[test]
fn a_200_is_read_or_counted_as_unread_with_the_reason() {
    let mut encoded = event_stream(&["\u{1f}compressed"]);
    encoded.headers.push(("content-encoding".into(), b"gzip".to_vec()));
    assert_cases(vec![
        (
            "compressed",
            CHAT,
            encoded,
            vec![("responses_2xx", 1), ("unread", 1), ("unread_encoded", 1)],
        ),
        (
            "not JSON",
            CHAT,
            event_stream(&["data: hello\n\n", DONE]),
            vec![("responses_2xx", 1), ("unread", 1), ("unread_malformed", 1)],
        ),
        (
            "a stream at an unknown path",
            "/ask",
            event_stream(&[HI, DONE]),
            vec![("responses_2xx", 1), ("unread", 1), ("unread_unknown_format", 1)],
        ),
        (
            "an Amazon event stream at an unknown path",
            "/unknown/m/stream",
            response("200", AMAZON, &["\0"]),
            vec![("responses_2xx", 1), ("unread", 1), ("unread_unknown_format", 1)],
        ),
        (
            "an Amazon event stream of another API than Converse",
            CHAT,
            response("200", AMAZON, &["\0"]),
            vec![("responses_2xx", 1), ("unread", 1), ("unread_unknown_format", 1)],
        ),
        (
            "an invalid Amazon event stream",
            "/model/m/converse-stream",
            response("200", AMAZON, &["upstream connect ", "error"]),
            vec![("responses_2xx", 1), ("unread", 1), ("unread_malformed", 1)],
        ),
        (
            "a JSON document at an unknown path",
            "/v1/models",
            response("200", JSON, &["{}"]),
            vec![("responses_2xx", 1)],
        ),
        (
            "a JSON document",
            CHAT,
            response("200", JSON, &[DOCUMENT_START, "\"usage\":{\"completion_", "tokens\":7}}"]),
            read(&[], &[("tokens_output", 7)]),
        ),
    ]);
}

/// Both framings of streams count: server-sent events and lines of JSON.
#[test]
fn only_a_response_with_a_streaming_content_type_has_a_time_to_first_token() {
    let content_types = [
        ("application/x-ndjson", 1),
        ("text/event-stream", 1),
        ("application/json; charset=utf-8", 0),
    ];
    for (content_type, samples) in content_types {
        let mut host = Host::start(&with_answers(json!({})));
        let chunks = ["{\"message\":{\"content\":\"Hi\"}}\n", "{\"done\":true,\"eval_count\":7}\n"];
        host.send_for(&request_to("/api/chat"), response("200", content_type, &chunks));
        assert_eq!(green_counts(&mut host), read(&[], &[("tokens_output", 7)]), "{content_type}");
        let ttft = host.stat(&counter("green", "ttft_ms"));
        assert_eq!(ttft, Some(samples), "{content_type}");
    }
}

#[test]
fn the_most_specific_price_of_a_model_applies() {
    let prices = json!({
        "*": {"input": 1000, "output": 1000},
        "gpt-*": {"input": 500, "output": 500},
        "gpt-4o-mini": {"input": 0.15, "cached_input": 0.075, "output": 0.6},
    });
    let mut host = Host::start(&with_answers(json!({"prices": prices})));
    host.send_for(&request_to(CHAT), event_stream(&[HI, USAGE, DONE]));
    // 60 × 0.15 + 40 × 0.075 + 20 × 0.6 microdollars.
    assert_eq!(host.stat(&counter("green", "cost_microusd")), Some(24));
}

#[test]
fn an_answer_that_begins_with_a_refusal_phrase_is_a_refusal() {
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
        let mut host = Host::start(&with_answers(phrases.clone()));
        let mut events: Vec<String> = texts.iter().map(|text| delta(text)).collect();
        events.push(DONE.to_owned());
        let events: Vec<&str> = events.iter().map(String::as_str).collect();
        host.send_for(&request_to(CHAT), event_stream(&events));
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
    for overrides in [by_version, by_path, for_all] {
        let mut host = Host::start(&with_answers(overrides.clone()));
        host.send_for(&request_to("/ask?q"), event_stream(&[gemini]));
        assert_eq!(host.stat(&counter("green", "tokens_input")), Some(5), "{overrides}");
        assert_eq!(host.stat(&counter("green", "errors")), Some(0), "{overrides}");
    }
}

#[test]
fn plain_makes_the_filter_request_uncompressed_answers() {
    for (plain, expected) in [(false, "gzip"), (true, "identity")] {
        let mut host = Host::start(&with_answers(json!({"answers": {"plain": plain}})));
        let answer = host.send(&request_to(CHAT).header("accept-encoding", "gzip"));
        assert_eq!(answer.forwarded("accept-encoding"), [expected.as_bytes()]);
    }
}
