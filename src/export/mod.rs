//! Sampled requests, exported as OpenTelemetry spans.
//!
//! | file | concept |
//! |---|---|
//! | [`exchange`] | what is exported of one request and its answer |
//! | [`trace_context`] | the trace that a span belongs to |
//! | [`messages`] | the messages of a request, in the form of the GenAI conventions |
//! | [`attribute`] | attributes of spans |
//! | [`otlp`] | spans as the JSON of OTLP, and the receiver's answer |
//! | [`export_queue`] | exchanges that wait to be sent |
//!
//! Spans follow OTLP 1.10 and version 0.1.0 of OpenTelemetry's semantic conventions for generative
//! AI, which are in development: names of `gen_ai.*` may change.

pub mod attribute;
pub mod exchange;
pub mod export_queue;
pub mod messages;
pub mod otlp;
pub mod trace_context;

pub use exchange::{Exchange, ExchangeAnswer, ExchangeRequest, ExchangeText, FinishReason};
pub use export_queue::ExportQueue;
pub use otlp::{ExportAnswer, encode_request, read_answer};
pub use trace_context::{SpanId, TraceContext, TraceId};
