//! Spans as the JSON of OTLP, and the receiver's answer.
//!
//! Source: OTLP 1.10, "JSON Protobuf Encoding": names in lowerCamelCase, ids in hexadecimal digits,
//! 64-bit numbers as texts, enumerations as numbers.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::attribute::{Attribute, AttributeValue, Attributes, as_text};
use super::exchange::{Exchange, ExchangeAnswer, ExchangeRequest, ExchangeText, FinishReason};
use super::messages::{RequestMessages, answer_message, read_request};
use super::trace_context::{SpanId, TraceId};
use crate::response::Format;
use crate::stats::names::StatScope;

/// The body of a request is not larger than this by more than one span.
pub const MAX_REQUEST_BYTES: usize = 1 << 20;

/// `SPAN_KIND_CLIENT`: the filter sees a request to a model as Envoy, its client, does.
const CLIENT: u8 = 3;

/// `STATUS_CODE_ERROR`.
const ERROR: u8 = 2;

/// `Span`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Span<'a> {
    trace_id: TraceId,
    span_id: SpanId,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<SpanId>,
    name: String,
    kind: u8,
    #[serde(serialize_with = "as_text")]
    start_time_unix_nano: u64,
    #[serde(serialize_with = "as_text")]
    end_time_unix_nano: u64,
    attributes: Vec<Attribute<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status<'a>>,
}

/// `Status`.
#[derive(Serialize)]
struct Status<'a> {
    code: u8,
    message: &'a str,
}

/// What a receiver has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportAnswer {
    /// It has taken all exchanges but so many, for this reason; the reason may be empty.
    Taken {
        /// How many exchanges it has rejected.
        rejected: u64,
        /// Why, or a warning.
        message: String,
    },
    /// It has taken nothing, and answered with this status.
    Refused(u16),
}

/// `ExportTraceServiceResponse`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ExportResponse {
    partial_success: PartialSuccess,
}

/// `ExportTracePartialSuccess`. A count of 64 bits is a text or a number.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PartialSuccess {
    rejected_spans: Value,
    error_message: Option<String>,
}

/// The body of a request with the first of `exchanges`: as many as fit into [`MAX_REQUEST_BYTES`], and
/// at least one. Returns it with their number.
pub fn encode_request<'a>(
    rollout: &str,
    exchanges: impl Iterator<Item = &'a Exchange>,
) -> (String, usize) {
    let version = env!("CARGO_PKG_VERSION");
    let mut body = format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"verdigris"}}}}]}},"scopeSpans":[{{"scope":{{"name":"verdigris","version":"{version}"}},"spans":["#
    );
    let mut count = 0;
    for exchange in exchanges {
        if body.len() >= MAX_REQUEST_BYTES {
            break;
        }
        if count > 0 {
            body.push(',');
        }
        // Nothing that is written has a map whose keys are not texts, which alone would fail.
        body.push_str(&serde_json::to_string(&Span::new(rollout, exchange)).unwrap_or_default());
        count += 1;
    }
    body.push_str("]}]}]}");
    (body, count)
}

/// Reads the answer to a request. An answer with a 2xx that is no `ExportTraceServiceResponse` has
/// taken all.
pub fn read_answer(status: u16, body: &[u8]) -> ExportAnswer {
    if !(200..300).contains(&status) {
        return ExportAnswer::Refused(status);
    }
    let response: ExportResponse = serde_json::from_slice(body).unwrap_or_default();
    let PartialSuccess { rejected_spans, error_message } = response.partial_success;
    let rejected = match &rejected_spans {
        Value::String(number) => number.parse().ok(),
        number => number.as_u64(),
    };
    ExportAnswer::Taken {
        rejected: rejected.unwrap_or_default(),
        message: shown(&error_message.unwrap_or_default()),
    }
}

/// A text of the receiver for the log: its beginning, without control characters.
fn shown(message: &str) -> String {
    const MAX_CHARS: usize = 200;
    message.chars().take(MAX_CHARS).map(|it| if it.is_control() { ' ' } else { it }).collect()
}

// === impl Span ===

impl<'a> Span<'a> {
    fn new(rollout: &'a str, exchange: &'a Exchange) -> Self {
        let Exchange { scope, request, answer, text } = exchange;
        let body = text.as_ref().and_then(|it| it.request.as_deref()).and_then(read_request);
        let mut attributes = Attributes::default();
        let model = request.patched_model.clone();
        let model = model.or_else(|| body.as_ref().and_then(|it| it.model.clone()));
        let operation = operation(request.format);
        attributes.text("gen_ai.operation.name", operation);
        attributes.text("gen_ai.provider.name", provider(request.format));
        if let Some(model) = model.clone() {
            attributes.text("gen_ai.request.model", model);
        }
        add_answer(&mut attributes, answer);
        add_release(&mut attributes, rollout, *scope, request);
        match text {
            Some(text) => add_text(&mut attributes, text, body, answer.finish_reason),
            None => attributes.text("verdigris.content", "metadata"),
        }
        let duration_ns = u64::try_from(answer.duration.as_nanos()).unwrap_or(u64::MAX);
        Self {
            trace_id: request.trace.trace,
            span_id: request.span,
            parent_span_id: request.trace.parent,
            name: model
                .map_or_else(|| operation.to_owned(), |model| format!("{operation} {model}")),
            kind: CLIENT,
            start_time_unix_nano: request.began_unix_ns,
            end_time_unix_nano: request.began_unix_ns.saturating_add(duration_ns),
            attributes: attributes.into_vec(),
            status: answer.error.as_deref().map(|message| Status { code: ERROR, message }),
        }
    }
}

/// What the GenAI conventions say of an answer.
fn add_answer<'a>(attributes: &mut Attributes<'a>, answer: &'a ExchangeAnswer) {
    attributes.optional_text("gen_ai.response.model", answer.model.as_deref());
    attributes.optional_int("gen_ai.usage.input_tokens", answer.tokens.input);
    attributes.optional_int("gen_ai.usage.output_tokens", answer.tokens.output);
    attributes.optional_int("gen_ai.usage.cache_read.input_tokens", answer.tokens.cached);
    attributes.optional_int("gen_ai.usage.cache_write.input_tokens", answer.tokens.cache_write);
    attributes.optional_int("gen_ai.usage.reasoning.output_tokens", answer.tokens.reasoning);
    if let Some(reason) = answer.finish_reason {
        let values = vec![AttributeValue::Text(reason.as_str().into())];
        attributes.add("gen_ai.response.finish_reasons", AttributeValue::Array { values });
    }
    if answer.is_stream {
        attributes.add("gen_ai.request.stream", AttributeValue::Bool(true));
    }
    if let Some(ttft) = answer.ttft {
        let seconds = AttributeValue::Double(ttft.as_secs_f64());
        attributes.add("gen_ai.response.time_to_first_chunk", seconds);
    }
    let status = answer.status.map(u64::from);
    attributes.optional_int("http.response.status_code", status);
    attributes.optional_text("error.type", answer.error.as_deref());
}

/// The request's part in the release.
fn add_release<'a>(
    attributes: &mut Attributes<'a>,
    rollout: &'a str,
    scope: StatScope,
    request: &'a ExchangeRequest,
) {
    attributes.text("verdigris.rollout", rollout);
    attributes.text("verdigris.version", scope.version().as_str());
    if scope == StatScope::Shadow {
        attributes.add("verdigris.shadow", AttributeValue::Bool(true));
    }
    attributes.optional_int("verdigris.step", request.step);
    attributes.optional_text("verdigris.pair", request.pair.as_deref());
    attributes.optional_text("verdigris.receipt", request.receipt.as_deref());
}

/// The messages, as JSON in texts: the form that the conventions allow where a receiver may not
/// take nested values.
fn add_text<'a>(
    attributes: &mut Attributes<'a>,
    text: &ExchangeText,
    body: Option<RequestMessages>,
    finish_reason: Option<FinishReason>,
) {
    let RequestMessages { system, messages, .. } = body.unwrap_or_default();
    let has_messages = !messages.is_empty();
    for (key, values) in
        [("gen_ai.system_instructions", system), ("gen_ai.input.messages", messages)]
    {
        if !values.is_empty() {
            attributes.text(key, Value::Array(values).to_string());
        }
    }
    let answer = text.answer.as_deref().map(String::from_utf8_lossy);
    if let Some(answer) = &answer {
        let message = answer_message(answer, finish_reason.unwrap_or(FinishReason::Error));
        attributes.text("gen_ai.output.messages", message.to_string());
    }
    let content = if has_messages && answer.is_some() { "full" } else { "partial" };
    attributes.text("verdigris.content", content);
}

/// The well-known name of the operation.
fn operation(format: Option<Format>) -> &'static str {
    match format {
        Some(Format::Gemini) => "generate_content",
        _ => "chat",
    }
}

/// The well-known name of the provider whose API the format is.
fn provider(format: Option<Format>) -> &'static str {
    match format {
        Some(Format::Chat | Format::Responses) => "openai",
        Some(Format::Anthropic) => "anthropic",
        Some(Format::Gemini) => "gcp.gen_ai",
        Some(Format::Cohere) => "cohere",
        Some(Format::Bedrock) => "aws.bedrock",
        Some(Format::Ollama) => "ollama",
        None => "unknown",
    }
}
