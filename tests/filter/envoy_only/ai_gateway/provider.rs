//! A provider of models with OpenAI's or Anthropic's API, which counts what it sends.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use axum::routing::any;
use serde_json::{Value, json};
use tokio_stream::StreamExt as _;

use super::RUNTIME;
use crate::port::Port;

/// The request header that names the answer: one of those of [`Answer::named`].
pub const ANSWER_HEADER: &str = "x-answer";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    OpenAi,
    Anthropic,
}

/// What a provider answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Text,
    Refusal,
    /// 503 before the answer.
    Overloaded,
    /// 400: the provider rejects the request.
    Invalid,
    /// An error after the first words of a stream.
    BrokenStream,
    /// The first words of a stream, and nothing more until the client leaves.
    Endless,
}

/// What a provider has sent, by Verdigris's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    pub requests: u64,
    pub errors: u64,
    pub client_errors: u64,
    pub aborted: u64,
    pub refusals: u64,
    pub tokens_input: u64,
    pub tokens_output: u64,
}

/// A request that a provider has received.
#[derive(Clone, Debug)]
pub struct Received {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

pub struct Provider {
    port: Port,
    state: Arc<State>,
}

struct State {
    api: Api,
    sent: Mutex<Sent>,
    received: Mutex<Vec<Received>>,
    is_overloaded: AtomicBool,
}

// === impl Answer ===

impl Answer {
    fn named(name: Option<&str>) -> Self {
        match name {
            None | Some("text") => Self::Text,
            Some("refusal") => Self::Refusal,
            Some("overloaded") => Self::Overloaded,
            Some("invalid") => Self::Invalid,
            Some("broken") => Self::BrokenStream,
            Some("endless") => Self::Endless,
            Some(other) => panic!("no answer is named {other}"),
        }
    }
}

// === impl Received ===

impl Received {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

// === impl Provider ===

impl Provider {
    pub fn start(api: Api) -> Self {
        let state = Arc::new(State {
            api,
            sent: Mutex::default(),
            received: Mutex::default(),
            is_overloaded: AtomicBool::new(false),
        });
        let port = Port::reserve();
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port.number));
        let listener = RUNTIME.block_on(listener).unwrap();
        let answering = Arc::clone(&state);
        let app = Router::new().fallback(any(move |uri: Uri, headers: HeaderMap, body: Bytes| {
            let received = Received { path: uri.path().to_owned(), headers, body };
            std::future::ready(answering.answer(received))
        }));
        RUNTIME.spawn(async move { axum::serve(listener, app).await });
        Self { port, state }
    }

    pub fn port(&self) -> u16 {
        self.port.number
    }

    /// From now on each answer is a 503.
    pub fn overload(&self) {
        self.state.is_overloaded.store(true, Ordering::Relaxed);
    }

    pub fn sent(&self) -> Sent {
        *self.state.sent.lock().unwrap()
    }

    /// The requests since the last call.
    pub fn take_received(&self) -> Vec<Received> {
        std::mem::take(&mut self.state.received.lock().unwrap())
    }
}

// === impl State ===

impl State {
    fn answer(&self, received: Received) -> Response {
        let mut answer = Answer::named(received.header(ANSWER_HEADER));
        if self.is_overloaded.load(Ordering::Relaxed) {
            answer = Answer::Overloaded;
        }
        let request = received.json();
        self.received.lock().unwrap().push(received);
        let is_stream = request["stream"] == true;
        // OpenAI's streams have a usage only if they are asked for it.
        let has_usage = self.api == Api::Anthropic
            || !is_stream
            || request["stream_options"]["include_usage"] == true;
        let (input, output) = {
            let mut sent = self.sent.lock().unwrap();
            sent.requests += 1;
            let tokens = (100 + sent.requests, 10 + sent.requests);
            match answer {
                Answer::Text => {}
                Answer::Refusal => sent.refusals += 1,
                Answer::Overloaded | Answer::BrokenStream => sent.errors += 1,
                Answer::Invalid => sent.client_errors += 1,
                Answer::Endless => sent.aborted += 1,
            }
            match answer {
                Answer::Text | Answer::Refusal if has_usage => {
                    sent.tokens_input += tokens.0;
                    sent.tokens_output += tokens.1;
                }
                // The first event has these.
                Answer::BrokenStream | Answer::Endless if self.api == Api::Anthropic => {
                    sent.tokens_input += tokens.0;
                    sent.tokens_output += 1;
                }
                _ => {}
            }
            tokens
        };
        let model = request["model"].as_str().unwrap_or("claude");
        let (status, body) = match (answer, self.api, is_stream) {
            (Answer::Overloaded, ..) => (503, error("overloaded_error")),
            (Answer::Invalid, ..) => (400, error("invalid_request_error")),
            (_, Api::OpenAi, false) => (200, openai(answer, model, input, output).to_string()),
            (_, Api::Anthropic, false) => {
                (200, anthropic(answer, model, input, output).to_string())
            }
            (_, Api::OpenAi, true) => {
                (200, openai_events(answer, model, has_usage.then_some((input, output))))
            }
            (_, Api::Anthropic, true) => (200, anthropic_events(answer, model, input, output)),
        };
        let body = match answer {
            Answer::Endless => Body::from_stream(
                tokio_stream::once(Ok::<_, Infallible>(body)).chain(tokio_stream::pending()),
            ),
            _ => Body::from(body),
        };
        let is_events = is_stream && status == 200;
        let content_type = if is_events { "text/event-stream" } else { "application/json" };
        let response = Response::builder().status(status).header("content-type", content_type);
        response.body(body).unwrap()
    }
}

const TEXT: &str = "Copper turns green.";

fn error(kind: &str) -> String {
    json!({"type": "error", "error": {"type": kind, "message": "no"}}).to_string()
}

fn openai(answer: Answer, model: &str, input: u64, output: u64) -> Value {
    let message = match answer {
        Answer::Refusal => json!({"role": "assistant", "content": null, "refusal": TEXT}),
        _ => json!({"role": "assistant", "content": TEXT}),
    };
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": input, "completion_tokens": output},
    })
}

fn openai_events(answer: Answer, model: &str, usage: Option<(u64, u64)>) -> String {
    let chunk = |choices: Value| json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": model, "choices": choices});
    let field = if answer == Answer::Refusal { "refusal" } else { "content" };
    let mut events = vec![chunk(json!([{"index": 0, "delta": {field: TEXT}}]))];
    if answer == Answer::BrokenStream {
        events.push(json!({"error": {"type": "server_error", "message": "no"}}));
    }
    if matches!(answer, Answer::BrokenStream | Answer::Endless) {
        return events.iter().map(|event| format!("data: {event}\n\n")).collect();
    }
    events.push(chunk(json!([{"index": 0, "delta": {}, "finish_reason": "stop"}])));
    if let Some((input, output)) = usage {
        let mut last = chunk(json!([]));
        last["usage"] = json!({"prompt_tokens": input, "completion_tokens": output});
        events.push(last);
    }
    let events: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    events + "data: [DONE]\n\n"
}

fn anthropic(answer: Answer, model: &str, input: u64, output: u64) -> Value {
    let reason = if answer == Answer::Refusal { "refusal" } else { "end_turn" };
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": model,
        "content": [{"type": "text", "text": TEXT}], "stop_reason": reason,
        "usage": {"input_tokens": input, "output_tokens": output},
    })
}

fn anthropic_events(answer: Answer, model: &str, input: u64, output: u64) -> String {
    let reason = if answer == Answer::Refusal { "refusal" } else { "end_turn" };
    let start = json!({"type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": [],
        "usage": {"input_tokens": input, "output_tokens": 1},
    }});
    let delta = json!({"type": "text_delta", "text": TEXT});
    let mut events = vec![
        start,
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "ping"}),
        json!({"type": "content_block_delta", "index": 0, "delta": delta}),
    ];
    if answer == Answer::BrokenStream {
        events
            .push(json!({"type": "error", "error": {"type": "overloaded_error", "message": "no"}}));
    } else if answer != Answer::Endless {
        events.extend([
            json!({"type": "content_block_stop", "index": 0}),
            json!({
                "type": "message_delta", "delta": {"stop_reason": reason},
                "usage": {"output_tokens": output},
            }),
            json!({"type": "message_stop"}),
        ]);
    }
    let event = |it: &Value| format!("event: {}\ndata: {it}\n\n", it["type"].as_str().unwrap());
    events.iter().map(event).collect()
}
