//! Sampled requests, exported as OpenTelemetry spans.
//!
//! | file | concept |
//! |---|---|
//! | [`exchange`] | what is exported of one request and its answer |
//! | [`trace_context`] | the trace that a span belongs to |
//! | [`messages`] | the messages of a request, in the form of the GenAI conventions |
//! | [`attribute`] | attributes of spans |
//! | [`otlp`] | spans as the JSON of OTLP, and the receiver's answer |
//! | [`exported_content`] | what is exported of a request |
//! | [`export_queue`] | exchanges that wait to be sent |
//! | [`sender`] | exchanges sent to a receiver, and what became of them |
//!
//! Spans follow OTLP 1.10 and version 0.1.0 of OpenTelemetry's semantic conventions for generative
//! AI, which are in development: names of `gen_ai.*` may change.

pub mod attribute;
pub mod exchange;
pub mod export_queue;
pub mod exported_content;
pub mod messages;
pub mod otlp;
pub mod sender;
pub mod trace_context;

pub use exchange::{Exchange, ExchangeAnswer, ExchangeRequest, ExchangeText, FinishReason};
pub use export_queue::ExportQueue;
pub use exported_content::ExportedContent;
pub use otlp::{ExportAnswer, encode_request, read_answer};
pub use sender::{SentExchanges, send_exchanges};
pub use trace_context::{SpanId, TraceContext, TraceId};
