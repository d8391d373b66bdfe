//! The clusters behind Envoy. Each can answer with its name and the received request, replay a
//! recorded answer, behave as a model, and hold a stream open until a test releases it.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request};
use axum::response::Response;
use axum::routing::any;
use axum::serve::ListenerExt as _;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;

use super::process::wait_for;
use crate::artifacts::recorded_answers;
use crate::port::Port;

pub(super) static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// The two events of a stream at `/hold`. Between them the upstream waits for
/// [`Upstream::release_streams`].
pub const FIRST_EVENT: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n";
pub const LAST_EVENT: &str = "data: [DONE]\n\n";

const GRPC: &str = "application/grpc";

/// The request header that names a recorded answer.
pub const REPLAY_HEADER: &str = "x-replay";

/// The request header that has the model fail: a status, or [`CONTENT_FILTER`].
pub const FAIL_HEADER: &str = "x-fail";
/// The value of [`FAIL_HEADER`] for a 200 that the provider's filter has ended.
pub const CONTENT_FILTER: &str = "content_filter";

/// The time before the last chunk of a recorded answer.
const LAST_CHUNK_DELAY: Duration = Duration::from_millis(5);

/// The behaviour of the model at `/model/completions`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Model {
    /// On average one in this number of answers is a failure; 0 for no failures.
    pub fails_one_in: u64,
    pub failure: ModelFailure,
    /// On average one in this number of answers is a 200 with a refusal; 0 for no refusals.
    pub refuses_one_in: u64,
    /// The minimum time to the first token. A pseudorandom part adds up to as much.
    pub first_token_ms: u64,
    /// The minimum number of tokens of an answer. A pseudorandom part adds up to as many.
    pub tokens: u64,
    /// The text of an answer.
    pub text: &'static str,
    /// The text of an answer to a user with an odd number, if it is another one.
    pub text_for_odd_user: Option<&'static str>,
}

/// The response of a model that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelFailure {
    Status(u16),
    /// A 200 with this body.
    Body(&'static str),
}

impl Default for ModelFailure {
    fn default() -> Self {
        Self::Status(500)
    }
}

impl ModelFailure {
    fn status_and_body(self) -> (u16, &'static str) {
        match self {
            Self::Status(status @ (204 | 304)) => (status, ""),
            Self::Status(status) => (status, "{}"),
            Self::Body(body) => (200, body),
        }
    }
}

/// A received shadow request, or a received request for a recorded answer.
#[derive(Clone, Debug)]
pub struct ReceivedRequest {
    pub path: String,
    pub is_shadow: bool,
    pub header_names: Vec<String>,
    /// The value of `content-length`; 0 without one.
    pub content_length: usize,
    pub body: Vec<u8>,
}

pub struct Upstream {
    pub port: u16,
    /// Held after [`Upstream::stop`] as well, so that no other server gets the port.
    _reserved: Port,
    received: Arc<Mutex<Vec<ReceivedRequest>>>,
    model: watch::Sender<Model>,
    server: JoinHandle<std::io::Result<()>>,
    held: watch::Sender<bool>,
    stalled: watch::Sender<bool>,
}

impl Upstream {
    /// Starts an upstream that answers as `cluster`. By default it answers with the received
    /// request, or with the recorded answer that the request names.
    pub fn start(cluster: &'static str) -> Self {
        let (held, release) = watch::channel(true);
        let (model, current_model) = watch::channel(Model::default());
        let answered = Arc::new(AtomicU64::new(0));
        let received = Arc::<Mutex<Vec<ReceivedRequest>>>::default();
        let recorder = Arc::clone(&received);
        let (stalled, stall) = watch::channel(false);
        let app = Router::new()
            .route("/hold", any(move || hold(release.clone())))
            .route("/redirect/{status}/{times}/{*path}", any(redirect))
            .route(
                "/model/completions",
                any({
                    let stall = stall.clone();
                    move |request: Request| async move {
                        let _ = stall.clone().wait_for(|stalled| !stalled).await;
                        if let Some(failure) = provoked_failure(&request) {
                            return failure;
                        }
                        let model = current_model.borrow().for_user(&request);
                        model.answer(answered.fetch_add(1, Ordering::Relaxed)).await
                    }
                }),
            )
            .fallback(move |request: Request| async move {
                // While it is stalled, the upstream reads no byte of the body.
                let _ = stall.clone().wait_for(|stalled| !stalled).await;
                if is_grpc(&request) {
                    return grpc_ok();
                }
                let recorded = replay(&request);
                if recorded.is_none() && !is_shadow(&request) {
                    return echo(cluster, request).await;
                }
                let request = receive(request).await;
                recorder.lock().unwrap().push(request);
                recorded.unwrap_or_default()
            });
        let reserved = Port::reserve();
        let port = reserved.number;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let listener = RUNTIME.block_on(tokio::net::TcpListener::bind(address)).unwrap();
        // Otherwise Nagle's algorithm holds chunks back until the earlier ones are acknowledged.
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        let server = RUNTIME.spawn(async move { axum::serve(listener, app).await });
        Self { port, _reserved: reserved, received, model, server, held, stalled }
    }

    /// Stops accepting connections.
    pub fn stop(&self) {
        self.server.abort();
        let port = self.port;
        wait_for("the upstream to stop", || TcpStream::connect(("127.0.0.1", port)).err());
    }

    /// With `true`, all requests wait until this is called with `false`.
    pub fn set_stalled(&self, stalled: bool) {
        self.stalled.send_replace(stalled);
    }

    /// The shadow requests and the requests for recorded answers since the last call.
    pub fn take_received(&self) -> Vec<ReceivedRequest> {
        std::mem::take(&mut self.received.lock().unwrap())
    }

    /// Changes the model's behaviour.
    pub fn set_model(&self, model: Model) {
        self.model.send_replace(model);
    }

    /// Holds the streams at `/hold` that begin from now on.
    pub fn hold_streams(&self) {
        self.held.send_replace(true);
    }

    /// Ends all streams at `/hold`.
    pub fn release_streams(&self) {
        self.held.send_replace(false);
    }
}

// === impl Model ===

impl Model {
    /// The model with the text for the user of a request.
    fn for_user(self, request: &Request) -> Self {
        let user = request.headers().get("x-user-id").and_then(|user| user.to_str().ok());
        let number = user.and_then(|user| user.rsplit('-').next()?.parse::<u64>().ok());
        let is_odd = number.is_some_and(|number| !number.is_multiple_of(2));
        Self { text: self.text_for_odd_user.filter(|_| is_odd).unwrap_or(self.text), ..self }
    }

    /// The answer to the request with this sequence number: a failure, or a stream.
    async fn answer(self, sequence: u64) -> Response {
        // Pseudorandom and the same in each run.
        let draw = sequence.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let is_one_in = |count: u64| count > 0 && draw.is_multiple_of(count);
        if is_one_in(self.fails_one_in) {
            let (status, body) = self.failure.status_and_body();
            let response = Response::builder().status(status);
            return response.header("content-type", "application/json").body(body.into()).unwrap();
        }
        let with_random_part = |minimum: u64| minimum + draw % (minimum + 1);
        tokio::time::sleep(Duration::from_millis(with_random_part(self.first_token_ms))).await;
        let delta = if is_one_in(self.refuses_one_in) { "refusal" } else { "content" };
        let chunk = |choice: Value| json!({"model": "m", "choices": [choice]}).to_string();
        let first = chunk(json!({"index": 0, "delta": {delta: self.text}}));
        let last = chunk(json!({"index": 0, "delta": {}, "finish_reason": "stop"}));
        let tokens = with_random_part(self.tokens);
        let usage = json!({
            "model": "m", "choices": [],
            "usage": {"prompt_tokens": 100, "completion_tokens": tokens},
        });
        let body = format!("data: {first}\n\ndata: {last}\n\ndata: {usage}\n\ndata: [DONE]\n\n");
        Response::builder().header("content-type", "text/event-stream").body(body.into()).unwrap()
    }
}

/// The failure that a request asks for.
fn provoked_failure(request: &Request) -> Option<Response> {
    let failure = request.headers().get(FAIL_HEADER)?.to_str().ok()?;
    let filtered = json!({
        "model": "m",
        "choices": [{"index": 0, "message": {"content": ""}, "finish_reason": failure}],
    });
    let status = if failure == CONTENT_FILTER { 200 } else { failure.parse().ok()? };
    let body = if status == 200 { filtered.to_string() } else { "{}".to_owned() };
    let response = Response::builder().status(status).header("content-type", "application/json");
    response.body(body.into()).ok()
}

/// Answers with the received request. A response header claims another version; Envoy must
/// overwrite it.
async fn echo(cluster: &str, request: Request) -> Response {
    let (head, body) = request.into_parts();
    // After a truncated body nobody reads the answer.
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let headers: Vec<Value> =
        head.headers.iter().map(|(name, value)| json!([name.as_str(), value.as_bytes()])).collect();
    let path = head.uri.path_and_query().map(|path| path.as_str());
    // One character for each byte: an array of numbers takes seconds for megabytes.
    let body: String = body.iter().map(|byte| char::from(*byte)).collect();
    // The received request, inside an answer in the Chat format.
    let answer = json!({
        "cluster": cluster, "headers": headers, "path": path, "body": body,
        "choices": [{"message": {"content": "Copper."}, "finish_reason": "stop"}],
    });
    Response::builder()
        .header("x-verdigris-version", "teal")
        .body(answer.to_string().into())
        .unwrap()
}

fn is_grpc(request: &Request) -> bool {
    request.headers().get("content-type").is_some_and(|content_type| content_type == GRPC)
}

/// A response with a gRPC status and no message.
fn grpc_ok() -> Response {
    let response = Response::builder().header("content-type", GRPC).header("grpc-status", "0");
    response.body(Body::empty()).unwrap()
}

fn is_shadow(request: &Request) -> bool {
    request.headers().get("x-verdigris-version").is_some_and(|version| version == "shadow")
}

async fn receive(request: Request) -> ReceivedRequest {
    let is_shadow = is_shadow(&request);
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let length = head.headers.get("content-length");
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    ReceivedRequest {
        path: head.uri.path().to_owned(),
        is_shadow,
        header_names: head.headers.keys().map(|name| name.as_str().to_owned()).collect(),
        content_length: length.unwrap_or_default(),
        body: body.to_vec(),
    }
}

/// The recorded answer that the request's [`REPLAY_HEADER`] names, in chunks of 61 bytes that
/// do not respect the boundaries of events. The last chunk is late, so that the generation takes
/// a measurable time on a machine of any speed.
fn replay(request: &Request) -> Option<Response> {
    let name = request.headers().get(REPLAY_HEADER)?.to_str().unwrap();
    let recorded = recorded_answers().into_iter().find(|recorded| recorded.name == name)?;
    let (chunks, body) = mpsc::channel::<Result<Bytes, Infallible>>(1);
    tokio::spawn(async move {
        let last = recorded.body.len().div_ceil(61).saturating_sub(1);
        for (index, chunk) in recorded.body.chunks(61).enumerate() {
            if index == last {
                tokio::time::sleep(LAST_CHUNK_DELAY).await;
            }
            // An error means that the client has closed the stream.
            let _ = chunks.send(Ok(Bytes::copy_from_slice(chunk))).await;
        }
    });
    let mut response = Response::builder()
        .header("content-type", recorded.content_type)
        .header("x-request-cost", "0.002");
    if request.headers().get("accept-encoding").is_some_and(|encoding| encoding == "gzip") {
        // The body is not compressed. The filter must not read it and cannot notice.
        response = response.header("content-encoding", "gzip");
    }
    Some(response.body(Body::from_stream(ReceiverStream::new(body))).unwrap())
}

/// Redirects the client to `path` by `times` redirects with this status.
async fn redirect(
    Path((status, times, path)): Path<(u16, u16, String)>,
    request: Request,
) -> Response {
    let host = request.headers()["host"].to_str().unwrap();
    let target = match times {
        1 => path,
        _ => format!("redirect/{status}/{}/{path}", times - 1),
    };
    let location = format!("http://{host}/{target}");
    // An unread body would close the connection.
    let _ = axum::body::to_bytes(request.into_body(), usize::MAX).await;
    Response::builder().status(status).header("location", location).body(Body::empty()).unwrap()
}

async fn hold(mut release: watch::Receiver<bool>) -> Response {
    let (chunks, body) = mpsc::channel::<Result<Bytes, Infallible>>(1);
    tokio::spawn(async move {
        // An error means that the client has closed the stream.
        let _ = chunks.send(Ok(FIRST_EVENT.into())).await;
        let _ = release.wait_for(|held| !held).await;
        let _ = chunks.send(Ok(LAST_EVENT.into())).await;
    });
    Response::builder()
        .header("content-type", "text/event-stream")
        .body(Body::from_stream(ReceiverStream::new(body)))
        .unwrap()
}
