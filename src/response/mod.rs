//! What a response says: errors, refusals, truncation, tokens.
//!
//! | file | concept |
//! |---|---|
//! | [`sse`] | framing of server-sent events |
//! | [`aws_eventstream`] | framing of Amazon's event streams |
//! | [`find`] | the first of two bytes |
//! | [`json_key`] | the object keys that matter to any format |
//! | [`response_head`] | what a response's headers say |
//! | [`mod@format`] | which format and framing a response has |
//! | `openai_chat`, `openai_responses`, `anthropic`, `gemini`, `ollama`, `cohere`, `bedrock` | a provider's format each |
//! | [`answer`] | what is known of an answer so far |
//! | [`answer_parser`] | bytes in, an answer out |
//! | [`refusal_phrases`] | refusals told by how an answer opens |
//! | [`prices`] | what tokens cost |
//! | [`grpc`] | gRPC's status, and where gRPC-Web carries it |
//! | [`classification`] | what one exchange counts as: the table |
//! | [`failover`] | whether another version has answered |
//! | [`outcome`] | what one response comes to, as counts |
//!
//! Bytes come in any pieces and are looked at once: framing passes slices of a
//! piece to the scanner, the scanner reports scalars with their path, and a format
//! takes from these a few numbers and verdicts. No event, document or text is ever
//! kept, so that memory is the size of [`answer_parser::AnswerParser`], under 1 KiB, whatever
//! the body does; only where refusal phrases are configured, the answer's first
//! bytes stay until they are compared.

pub mod answer;
pub mod answer_parser;
mod anthropic;
pub mod aws_eventstream;
mod bedrock;
pub mod classification;
mod cohere;
pub mod failover;
pub mod find;
pub mod format;
mod gemini;
pub mod grpc;
pub mod json_key;
mod ollama;
mod openai_chat;
mod openai_responses;
pub mod outcome;
pub mod prices;
pub mod refusal_phrases;
pub mod response_head;
pub mod sse;

pub use answer::{Answer, Tokens};
pub use answer_parser::AnswerParser;
pub use classification::{Class, LimitPolicy, Method, Protocol, ResponseFlags, StreamEnd};
pub use failover::Answerer;
pub use format::{Format, Framing};
pub use outcome::{Outcome, UnreadReason};
pub use prices::{Price, Prices};
pub use refusal_phrases::Phrases;
pub use response_head::ResponseHead;
