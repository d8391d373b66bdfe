//! The model behind every contestant: it gives a short plain answer or a stream.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::Response;
use axum::serve::ListenerExt as _;
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;

use crate::http::StreamSpec;

const PLAIN_ANSWER: &str = r#"{"id":"chatcmpl-CFfV7vNbNBSPP3zWaoYVNDMsZSAZR","object":"chat.completion","created":1757833449,"model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"message":{"role":"assistant","content":"Copper roofs turn green because rain and air make a patina on them, verdigris.","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":106,"completion_tokens":20,"total_tokens":126,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},"service_tier":"default","system_fingerprint":"fp_8bda4d3a2c"}"#;
/// The answer to a question of the filter about an answer.
const VERDICT: &str = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"{\"score\": 0.9}"},"finish_reason":"stop"}],"usage":{"prompt_tokens":306,"completion_tokens":7}}"#;
const EVENT_START: &str = r#"data: {"id":"chatcmpl-CFfV7vNbNBSPP3zWaoYVNDMsZSAZR","object":"chat.completion.chunk","created":1757833449,"model":"gpt-4o-mini-2024-07-18","service_tier":"default","system_fingerprint":"fp_8bda4d3a2c","choices":[{"index":0,"delta":{"content":""#;
const EVENT_END: &str = "\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null,\"obfuscation\":\"7hPq2Zc1\"}\n\n";
const LAST_EVENTS: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":106,\"completion_tokens\":200}}\n\ndata: [DONE]\n\n";

pub struct Upstream {
    runtime: Runtime,
    permits: Arc<Semaphore>,
}

impl Upstream {
    pub fn new() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Self { runtime: runtime.unwrap(), permits: Arc::new(Semaphore::new(0)) }
    }

    /// Starts serving. Returns the port.
    pub fn start(&self) -> u16 {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = self.runtime.block_on(tokio::net::TcpListener::bind(address)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let permits = Arc::clone(&self.permits);
        let app = Router::new().fallback(move |chat: Bytes| answer(chat, permits));
        // Without it the first chunk of a stream would wait for the acknowledgement of the head.
        let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
        self.runtime.spawn(async move { axum::serve(listener, app).await });
        port
    }

    /// Lets the waiting stream send one more chunk.
    pub fn send_next_chunk(&self) {
        self.permits.add_permits(1);
    }
}

async fn answer(chat: Bytes, permits: Arc<Semaphore>) -> Response {
    // Gateways send requests of their own, which are not chat requests.
    let Ok(chat) = serde_json::from_slice::<Value>(&chat) else {
        return Response::builder().status(400).body("no chat".into()).unwrap();
    };
    if !chat["response_format"].is_null() {
        return Response::builder()
            .header("content-type", "application/json")
            .body(VERDICT.into())
            .unwrap();
    }
    let Some(stream) = chat["user"].as_str().and_then(|user| serde_json::from_str(user).ok())
    else {
        return Response::builder()
            .header("content-type", "application/json")
            .body(PLAIN_ANSWER.into())
            .unwrap();
    };
    let StreamSpec { chunks, pace_ms, size } = stream;
    let chunk = Bytes::from(format!("{EVENT_START}{}{EVENT_END}", "x".repeat(size)));
    let (pieces, body) = mpsc::channel::<Result<Bytes, Infallible>>(1);
    tokio::spawn(async move {
        for number in 1..=chunks {
            match pace_ms {
                Some(0) => {}
                Some(_) if number == 1 => {}
                Some(pace_ms) => tokio::time::sleep(Duration::from_millis(pace_ms)).await,
                None => permits.acquire().await.unwrap().forget(),
            }
            let event = if number == chunks {
                Bytes::from_static(LAST_EVENTS.as_bytes())
            } else {
                chunk.clone()
            };
            if pieces.send(Ok(event)).await.is_err() {
                return;
            }
        }
    });
    Response::builder()
        .header("content-type", "text/event-stream")
        .body(Body::from_stream(ReceiverStream::new(body)))
        .unwrap()
}
