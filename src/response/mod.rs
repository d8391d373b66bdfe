//! What a response says: errors, refusals, truncation, tokens.
//!
//! | file | concept |
//! |---|---|
//! | [`mod@format`], [`formats`] | the formats and framings; which format a configuration gives a request |
//! | [`known_path`] | what a path reveals of the API behind it |
//! | [`method`] | what a request's method says about its response |
//! | [`expected_response`] | what a request's headers say about its response |
//! | [`response_head`] | what a response's headers say about its body |
//! | [`sse`], [`aws_eventstream`] | the framing of event streams |
//! | [`framed_data`] | what a framing reports |
//! | `crc32`, `base64` | the checksum of Amazon's event streams, and the coding in those of InvokeModel |
//! | [`answer_key`] | the object keys that a format reads |
//! | [`finish_reason`] | why a model stopped: a table for each format |
//! | [`event_template`] | the shape of a stream's events, so that most are not scanned |
//! | `error_object` | errors wherever an answer states them, and which are refusals |
//! | `openai_usage` | token counts in OpenAI's accounting, and its variations |
//! | `openai_chat`, `openai_responses`, `anthropic`, `gemini`, `ollama`, `cohere`, `bedrock` | one provider's format each |
//! | `llama_api` | Meta's own form of chat, beside OpenAI's |
//! | `embeddings` | the token counts of embeddings |
//! | `provider` | the format that reads an answer |
//! | [`answer`], [`tokens`] | what an answer has stated so far |
//! | [`answer_parser`] | parses a body into an answer |
//! | [`grpc`] | the gRPC status, and its place in a gRPC-Web body |
//! | [`observed_body`] | what is read of a response's body |
//! | [`observed_response`] | follows one response from its headers to the end of its stream |
//! | [`stream_end`] | how a stream ended |
//! | [`failover`] | whether another version answered |
//! | [`outcome`] | what is known about an exchange when it has ended |
//! | [`classification`] | the class of an exchange: success, error, aborted … |
//! | [`refusal_phrases`] | refusals that are recognised by how an answer opens |
//! | [`opening`], [`text_folding`] | how the texts of an answer open, without what does not matter in a comparison |
//! | [`captured_text`], [`captured_answer`] | a bounded copy of a text, and of an answer's, for sampled requests |
//! | [`text_signals`] | loops and unparsed tool calls in a text |
//! | [`prices`] | the prices of tokens |
//! | [`classified_outcome`] | an outcome under a configuration's rules |
//!
//! Bodies arrive in pieces of any size, and each byte is read once: a framing passes slices of
//! a piece to the scanner, the scanner reports values with their path, and a format takes a
//! few numbers and flags from them. Of a stream's events one is kept, of at most 512 bytes, which the
//! next ones are [compared](event_template) with. No other document or text is kept. So a parser takes
//! less than 2 KiB of memory whatever the body is. Only where refusal phrases are configured,
//! the first bytes of the answer's text are kept until the end, and only of a sampled request the text
//! itself.

pub mod answer;
pub mod answer_key;
pub mod answer_parser;
mod anthropic;
pub mod aws_eventstream;
pub(crate) mod base64;
mod bedrock;
pub mod captured_answer;
pub mod captured_text;
pub mod classification;
pub mod classified_outcome;
mod cohere;
mod crc32;
mod embeddings;
mod error_object;
pub mod event_template;
pub mod expected_response;
pub mod failover;
pub mod finish_reason;
pub mod format;
pub mod formats;
pub mod framed_data;
mod gemini;
pub mod grpc;
pub mod known_path;
mod llama_api;
pub mod method;
pub mod observed_body;
pub mod observed_response;
mod ollama;
mod openai_chat;
mod openai_responses;
mod openai_usage;
pub mod opening;
pub mod outcome;
pub mod prices;
mod provider;
pub mod refusal_phrases;
pub mod response_head;
pub mod sse;
pub mod stream_end;
pub mod text_folding;
pub mod text_signals;
pub mod tokens;

pub use answer::Answer;
pub use answer_parser::AnswerParser;
pub use captured_text::CapturedText;
pub use classification::{Class, LimitPolicy};
pub use classified_outcome::{ClassificationRules, ClassifiedOutcome};
pub use expected_response::{ExpectedResponse, OtherApi};
pub use failover::Answerer;
pub use format::{Format, Framing};
pub use formats::Formats;
pub use method::{Method, Protocol};
pub use observed_response::ObservedResponse;
pub use outcome::{Outcome, UnreadReason};
pub use prices::{Price, Prices};
pub use refusal_phrases::Phrases;
pub use response_head::ResponseHead;
pub use stream_end::{ResponseFlags, StreamEnd};
pub use tokens::Tokens;
