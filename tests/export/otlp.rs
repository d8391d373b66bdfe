//! Spans as OTLP, read with OpenTelemetry's own definitions.

use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use serde_json::{Value, json};
use verdigris::assignment::Version;
use verdigris::export::otlp::MAX_REQUEST_BYTES;
use verdigris::export::{
    Exchange, ExchangeAnswer, ExchangeText, ExportAnswer, FinishReason, TraceContext,
    encode_request, read_answer,
};
use verdigris::response::{Format, Tokens};
use verdigris::stats::names::StatScope;

use super::receiver::read_spans;
use super::{sample, sample_with_text};

fn encode(samples: &[Exchange]) -> String {
    let (body, count) = encode_request("assistant-v8", samples.iter());
    assert_eq!(count, samples.len());
    body
}

/// A sample in which everything is known.
fn full() -> Exchange {
    let body = json!({"model": "gpt-5", "stream": true, "messages": [
        {"role": "system", "content": "Be brief"}, {"role": "user", "content": "Hi"}]});
    let mut sample = sample_with_text(body.to_string().as_bytes(), b"Hello");
    sample.request.pair = Some("0a1b".to_owned());
    sample.request.step = Some(2);
    sample.request.receipt = Some("green.7.new.c0ffee".to_owned());
    sample.answer = ExchangeAnswer {
        duration: Duration::from_millis(1_500),
        ttft: Some(Duration::from_millis(250)),
        is_stream: true,
        status: Some(200),
        error: None,
        model: Some("gpt-5-2026-08-07".to_owned()),
        tokens: Tokens {
            input: Some(12),
            cached: Some(4),
            cache_write: None,
            output: Some(8),
            reasoning: Some(u64::MAX >> 1),
        },
        finish_reason: Some(FinishReason::Length),
    };
    sample
}

#[test]
fn a_span_has_what_the_conventions_name() {
    let [spans] = &read_spans([encode(&[full()]).as_str()])[..] else { panic!("one request") };
    assert_eq!(spans.len(), 1);
    let span = &spans[0];
    let input = json!([{"role": "system", "parts": [{"type": "text", "content": "Be brief"}]},
        {"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]);
    let output = json!([{"role": "assistant", "parts": [{"type": "text", "content": "Hello"}],
        "finish_reason": "length"}]);
    let attributes = span["attributes"].as_object().unwrap();
    for (key, expected) in [("input", input), ("output", output)] {
        let text = attributes[&format!("gen_ai.{key}.messages")].as_str().unwrap();
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), expected);
    }
    let others = attributes.iter().filter(|(key, _)| !key.ends_with(".messages"));
    let others: serde_json::Map<String, Value> =
        others.map(|(key, value)| (key.clone(), value.clone())).collect();
    assert_eq!(
        Value::Object(others),
        json!({
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-5",
            "gen_ai.request.stream": true,
            "gen_ai.response.model": "gpt-5-2026-08-07",
            "gen_ai.response.finish_reasons": ["length"],
            "gen_ai.response.time_to_first_chunk": 0.25,
            "gen_ai.usage.input_tokens": 12,
            "gen_ai.usage.cache_read.input_tokens": 4,
            "gen_ai.usage.output_tokens": 8,
            "gen_ai.usage.reasoning.output_tokens": u64::MAX >> 1,
            "http.response.status_code": 200,
            "verdigris.rollout": "assistant-v8",
            "verdigris.version": "green",
            "verdigris.step": 2,
            "verdigris.pair": "0a1b",
            "verdigris.receipt": "green.7.new.c0ffee",
            "verdigris.content": "full",
        })
    );
    assert_eq!(span["traceId"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(span["parentSpanId"], "b7ad6b7169203331");
    assert_eq!(span["spanId"], "0000000000000007");
    assert_eq!(span["name"], "chat gpt-5");
    assert_eq!((&span["kind"], &span["status"]), (&json!(3), &json!(0)));
    assert_eq!(span["beganNs"], 1_796_000_000_000_000_001_u64);
    assert_eq!(span["durationNs"], 1_500_000_000_u64);
    assert_eq!(span["resource"], json!({"service.name": "verdigris"}));
}

#[test]
fn a_span_without_texts_has_only_metadata() {
    let mut failed = sample();
    failed.scope = StatScope::Shadow;
    failed.request.trace = TraceContext::root(0);
    failed.request.format = None;
    failed.request.patched_model = Some("small".to_owned());
    failed.answer.error = Some("500".to_owned());
    let [spans] = &read_spans([encode(&[failed]).as_str()])[..] else { panic!("one request") };
    let span = &spans[0];
    assert_eq!(
        span["attributes"],
        json!({
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "unknown",
            "gen_ai.request.model": "small",
            "error.type": "500",
            "verdigris.rollout": "assistant-v8",
            "verdigris.version": "green",
            "verdigris.shadow": true,
            "verdigris.content": "metadata",
        })
    );
    assert_eq!((&span["parentSpanId"], &span["status"]), (&json!(""), &json!(2)));
}

#[test]
fn the_operation_and_the_provider_are_those_of_the_format() {
    let expected = |format| match format {
        Format::Chat | Format::Responses => ("chat", "openai"),
        Format::Anthropic => ("chat", "anthropic"),
        Format::Gemini => ("generate_content", "gcp.gen_ai"),
        Format::Ollama => ("chat", "ollama"),
        Format::Cohere => ("chat", "cohere"),
        Format::Bedrock => ("chat", "aws.bedrock"),
    };
    for format in Format::ALL {
        let mut sample = sample();
        sample.request.format = Some(format);
        let body: Value = serde_json::from_str(&encode(&[sample])).unwrap();
        let attributes = &body["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"];
        let value = |at: usize| attributes[at]["value"]["stringValue"].as_str().unwrap();
        assert_eq!((value(0), value(1)), expected(format));
    }
}

#[test]
fn texts_that_were_too_large_are_marked() {
    let body = br#"{"input": "Hi"}"#.to_vec();
    let cases = [
        (Some(body.clone()), None),
        (None, Some(b"Hello".to_vec())),
        (None, None),
        (Some(b"no JSON".to_vec()), Some(b"Hello".to_vec())),
    ];
    for (request, answer) in cases {
        let text = Some(ExchangeText { request, answer });
        let body = encode(&[Exchange { text, ..sample() }]);
        assert!(
            body.contains(r#""verdigris.content","value":{"stringValue":"partial"}"#),
            "{body}"
        );
    }
}

#[test]
fn a_request_has_as_many_samples_as_fit() {
    let text = vec![b'a'; 300_000];
    let samples = vec![sample_with_text(b"{}", &text); 10];
    let (mut at, mut sizes) = (0, Vec::new());
    while at < samples.len() {
        let (body, count) = encode_request("r", samples[at..].iter());
        assert!(body.len() < MAX_REQUEST_BYTES + 400_000);
        serde_json::from_str::<Value>(&body).unwrap();
        sizes.push(count);
        at += count;
    }
    assert_eq!(sizes, [4, 4, 2]);
    // One that is larger is sent alone.
    let large = [sample_with_text(b"{}", &vec![b'a'; 2 * MAX_REQUEST_BYTES])];
    assert_eq!(encode_request("r", large.iter()).1, 1);
    assert_eq!(encode_request("r", [].iter()).1, 0);
}

#[test]
fn a_receiver_may_reject_a_part() {
    let taken =
        |rejected, message: &str| ExportAnswer::Taken { rejected, message: message.to_owned() };
    let cases = [
        (200, "{}", taken(0, "")),
        (200, "", taken(0, "")),
        (202, "<html>", taken(0, "")),
        (200, r#"{"partialSuccess": {}}"#, taken(0, "")),
        (
            200,
            r#"{"partialSuccess": {"rejectedSpans": "3", "errorMessage": "old"}}"#,
            taken(3, "old"),
        ),
        (200, r#"{"partialSuccess": {"rejectedSpans": 3}}"#, taken(3, "")),
        (200, r#"{"partialSuccess": {"rejectedSpans": -3}}"#, taken(0, "")),
        (200, r#"{"partialSuccess": {"errorMessage": "a warning"}}"#, taken(0, "a warning")),
        (400, "{}", ExportAnswer::Refused(400)),
        (429, "", ExportAnswer::Refused(429)),
        (503, r#"{"partialSuccess": {}}"#, ExportAnswer::Refused(503)),
        (302, "", ExportAnswer::Refused(302)),
    ];
    for (status, body, expected) in cases {
        assert_eq!(read_answer(status, body.as_bytes()), expected, "{status} {body}");
    }
}

/// Texts with what JSON must escape, and bytes that are not UTF-8.
fn any_text() -> impl Strategy<Value = Vec<u8>> {
    let odd = prop::sample::select(vec![
        "\"",
        "\\",
        "\u{0}",
        "\u{1f}",
        "\n",
        "\r\n",
        "\u{2028}",
        "\u{7f}",
        "\u{feff}",
        "😀",
        "\\ud83d",
        "</script>",
        "{\"a\":",
        "\u{fffd}",
        "\u{10ffff}",
    ]);
    prop_oneof![
        any::<Vec<u8>>(),
        any::<String>().prop_map(String::into_bytes),
        prop::collection::vec(odd, 0..20).prop_map(|parts| parts.concat().into_bytes()),
    ]
}

#[test]
fn any_text_gives_a_request_that_a_receiver_reads() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let texts = (any_text(), any_text(), any_text(), any::<bool>());
    let mut bodies = Vec::new();
    let mut contents = Vec::new();
    for _ in 0..256 {
        let (question, answer, name, is_raw) = texts.new_tree(&mut runner).unwrap().current();
        let name = String::from_utf8_lossy(&name).into_owned();
        let question = String::from_utf8_lossy(&question).into_owned();
        let body = match is_raw {
            true => question.clone().into_bytes(),
            false => json!({"model": name, "input": question}).to_string().into_bytes(),
        };
        let mut sample = sample_with_text(&body, &answer);
        sample.answer.model = Some(name.clone());
        sample.request.pair = Some(name.clone());
        sample.answer.error = Some(name);
        contents
            .push(((!is_raw).then_some(question), String::from_utf8_lossy(&answer).into_owned()));
        bodies.push(encode(&[sample]));
    }
    let all = read_spans(bodies.iter().map(String::as_str));
    for ((question, answer), spans) in contents.iter().zip(all) {
        let content = |key: &str| {
            let text = spans[0]["attributes"][key].as_str()?;
            let messages: Value = serde_json::from_str(text).unwrap();
            Some(messages[0]["parts"][0]["content"].as_str().unwrap().to_owned())
        };
        assert_eq!(content("gen_ai.output.messages").as_ref(), Some(answer));
        if question.is_some() {
            assert_eq!(&content("gen_ai.input.messages"), question);
        }
    }
}

#[test]
fn samples_of_both_versions_are_spans_of_one_request() {
    let mut blue = full();
    blue.scope = StatScope::Of(Version::Blue);
    let all = read_spans([encode(&[blue, full()]).as_str()]);
    let versions: Vec<&Value> =
        all[0].iter().map(|span| &span["attributes"]["verdigris.version"]).collect();
    assert_eq!(versions, ["blue", "green"]);
    assert_eq!(all[0][0]["traceId"], all[0][1]["traceId"]);
}
