//! Any bytes of a request, an answer and trace headers become spans that are valid JSON, one for each
//! exchange, with the ids that OTLP demands. No answer of a receiver panics.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use verdigris::export::otlp::{ExportAnswer, encode_request, read_answer};
use verdigris::export::trace_context::SpanId;
use verdigris::export::{
    Exchange, ExchangeAnswer, ExchangeRequest, ExchangeText, FinishReason, TraceContext,
};
use verdigris::response::Format;
use verdigris::stats::names::StatScope;

fn is_id(value: &Value, digits: usize) -> bool {
    let id = value.as_str().unwrap();
    id.len() == digits && id.bytes().all(|it| it.is_ascii_hexdigit()) && id.bytes().any(|it| it != b'0')
}

fuzz_target!(|input: (u8, &[u8], &[u8], &[u8], &[u8], u64)| {
    let (kind, request, answer, traceparent, id, time) = input;
    let trace = TraceContext::parse(traceparent).unwrap_or_else(|| TraceContext::of_pair("r", id));
    let exchange = Exchange {
        scope: StatScope::Shadow,
        request: ExchangeRequest {
            trace,
            span: SpanId::new(time),
            pair: Some(ExchangeRequest::pair_name(id)),
            step: Some(time),
            receipt: None,
            began_unix_ns: time,
            format: Format::ALL.get(usize::from(kind)).copied(),
            patched_model: None,
        },
        answer: ExchangeAnswer {
            duration: Duration::from_millis(time),
            model: Some(String::from_utf8_lossy(id).into_owned()),
            finish_reason: Some(FinishReason::Stop),
            ..ExchangeAnswer::default()
        },
        text: Some(ExchangeText { request: Some(request.to_vec()), answer: Some(answer.to_vec()) }),
    };
    let (body, count) = encode_request("r", [&exchange, &exchange].into_iter());
    let body: Value = serde_json::from_str(&body).unwrap();
    let spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap();
    assert_eq!(spans.len(), count);
    for span in spans {
        assert!(is_id(&span["traceId"], 32) && is_id(&span["spanId"], 16));
        let end: u64 = span["endTimeUnixNano"].as_str().unwrap().parse().unwrap();
        assert!(end >= time);
    }
    if let ExportAnswer::Taken { message, .. } = read_answer(200, answer) {
        assert!(!message.chars().any(char::is_control));
    }
});
