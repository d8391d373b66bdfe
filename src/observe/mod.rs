//! What a response says: errors, refusals, truncation, tokens.
//!
//! | file | concept |
//! |---|---|
//! | [`sse`] | framing of server-sent events |
//! | [`amazon`] | framing of Amazon's event streams |
//! | [`json`] | a JSON scanner that keeps no document |
//! | [`prefix`] | the beginning of a text of any length |
//! | [`text`] | a text as a format looks at it |
//! | [`find`] | the first of two bytes |
//! | [`keys`] | the object keys that matter to any format |
//! | [`head`] | what a response's headers say |
//! | [`detect`] | which format and framing a response has |
//! | [`chat`], [`responses`], [`anthropic`], [`gemini`], [`ollama`], [`cohere`], [`bedrock`] | a provider's format each |
//! | [`answer`] | what is known of an answer so far |
//! | [`reader`] | bytes in, an answer out |
//! | [`phrases`] | refusals told by how an answer opens |
//! | [`price`] | what tokens cost |
//! | [`grpc`] | gRPC's status, and where gRPC-Web carries it |
//! | [`class`] | what one exchange counts as: the table |
//! | [`failover`] | whether another version has answered |
//! | [`outcome`] | what one response comes to, as counts |
//!
//! Bytes come in any pieces and are looked at once: framing passes slices of a
//! piece to the scanner, the scanner reports scalars with their path, and a format
//! takes from these a few numbers and verdicts. No event, document or text is ever
//! kept, so that memory is the size of [`reader::Reader`], under 1 KiB, whatever
//! the body does; only where refusal phrases are configured, the answer's first
//! bytes stay until they are compared.

pub mod amazon;
pub mod answer;
mod anthropic;
mod bedrock;
mod chat;
pub mod class;
mod cohere;
pub mod detect;
pub mod failover;
pub mod find;
mod gemini;
pub mod grpc;
pub mod head;
pub mod json;
pub mod keys;
mod ollama;
pub mod outcome;
pub mod phrases;
pub mod prefix;
pub mod price;
pub mod reader;
mod responses;
pub mod sse;
pub mod text;

pub use answer::{Answer, Tokens};
pub use class::{Class, Ending, LimitPolicy, Method, Protocol, ResponseFlags};
pub use detect::{Format, Framing};
pub use failover::Answerer;
pub use head::Head;
pub use outcome::{Outcome, Unread};
pub use phrases::Phrases;
pub use price::{Price, Prices};
pub use reader::Reader;
