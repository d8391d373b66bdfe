//! Sampled requests as OpenTelemetry spans.

#[path = "../support/otlp.rs"]
mod receiver;

mod exchange;

mod export_queue;
mod messages;
mod otlp;
mod sender;
mod trace_context;

use std::time::Duration;

use verdigris::assignment::Version;
use verdigris::export::{
    Exchange, ExchangeAnswer, ExchangeRequest, ExchangeText, SpanId, TraceContext,
};
use verdigris::response::Format;
use verdigris::stats::names::StatScope;

/// A sample of green with an answer, and without texts.
fn sample() -> Exchange {
    let header = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    Exchange {
        scope: StatScope::Of(Version::Green),
        request: ExchangeRequest {
            trace: TraceContext::parse(header).unwrap(),
            span: SpanId::new(7),
            pair: None,
            step: None,
            receipt: None,
            began_unix_ns: 1_796_000_000_000_000_001,
            format: Some(Format::Chat),
            patched_model: None,
        },
        answer: ExchangeAnswer {
            duration: Duration::from_nanos(1_500),
            ..ExchangeAnswer::default()
        },
        text: None,
    }
}

/// The same with texts.
fn sample_with_text(request: &[u8], answer: &[u8]) -> Exchange {
    let text = ExchangeText { request: Some(request.to_vec()), answer: Some(answer.to_vec()) };
    Exchange { text: Some(text), ..sample() }
}
