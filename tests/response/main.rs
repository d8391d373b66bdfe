//! Responses: formats, framing, parsing, outcomes and their classes.

mod answer_parser;
mod aws_eventstream;
mod bodies;
mod captured_answer;
mod classification;
mod classified_outcome;
mod event_template;
mod expected_response;
mod finish_reason;
mod format;
mod formats;
mod grpc;
mod lines_and_messages_cases;
mod observed_response;
mod reported;
mod sse;
mod sse_and_json_cases;
mod stream_end;
mod text_folding;
mod text_signals;
