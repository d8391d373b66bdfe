//! The clusters behind Envoy: each says who it is and what reached it, can replay a
//! recorded answer, and can hold a stream open for as long as a test wants.

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
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;

use super::process::wait_for;
use crate::artifacts::recorded_answers;
use crate::port::Port;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// A stream's first and last piece; between them it waits for [`Upstream::release`].
pub const FIRST: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n";
pub const LAST: &str = "data: [DONE]\n\n";

const GRPC: &str = "application/grpc";

/// The request header that names a recorded answer.
pub const REPLAY: &str = "x-replay";

/// How the cluster's model does, at any path that ends with `/completions`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Model {
    /// Of how many answers one is a failure; none at 0.
    pub fails_one_in: u64,
    /// What a failure is.
    pub failure: Failure,
    /// Of how many answers one is refused in a 200.
    pub refuses_one_in: u64,
    /// What the first token takes, and as much again at random.
    pub first_ms: u64,
    /// Tokens of an answer, and as many again at random.
    pub tokens: u64,
}

/// How a model fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// With this status.
    Status(u16),
    /// With this JSON in a 200; none at all if it is empty.
    Body(&'static str),
}

impl Default for Failure {
    fn default() -> Self {
        Self::Status(500)
    }
}

impl Failure {
    /// The status, and the body.
    fn parts(self) -> (u16, &'static str) {
        match self {
            Self::Status(status @ (204 | 304)) => (status, ""),
            Self::Status(status) => (status, "{}"),
            Self::Body(body) => (200, body),
        }
    }
}

/// A request that was answered with a recorded answer, or is a shadow.
#[derive(Clone, Debug)]
pub struct Seen {
    pub path: String,
    pub is_shadow: bool,
    /// The names of its headers.
    pub headers: Vec<String>,
    /// The length that it says its body has.
    pub length: usize,
    pub body: Vec<u8>,
}

pub struct Upstream {
    pub port: u16,
    /// Kept after [`Upstream::stop`] too, so that no other server answers there.
    _reserved: Port,
    seen: Arc<Mutex<Vec<Seen>>>,
    model: watch::Sender<Model>,
    server: JoinHandle<std::io::Result<()>>,
    held: watch::Sender<bool>,
    stalled: watch::Sender<bool>,
}

impl Upstream {
    /// An upstream that answers as `cluster`: any path with what reached it, or with
    /// the recorded answer that the request names, `/hold` with a stream.
    pub fn start(cluster: &'static str) -> Self {
        let (held, release) = watch::channel(true);
        let (model, behaviour) = watch::channel(Model::default());
        let asked = Arc::new(AtomicU64::new(0));
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let sees = Arc::clone(&seen);
        let (stalled, stall) = watch::channel(false);
        let app = Router::new()
            .route("/hold", any(move || hold(release.clone())))
            .route("/redirect/{status}/{times}/{*path}", any(redirect))
            .route(
                "/model/completions",
                any({
                    let stall = stall.clone();
                    move || async move {
                        let _ = stall.clone().wait_for(|stalled| !stalled).await;
                        let model = *behaviour.borrow();
                        model.answer(asked.fetch_add(1, Ordering::Relaxed)).await
                    }
                }),
            )
            .fallback(move |request: Request| async move {
                // Not a byte of the body is taken meanwhile.
                let _ = stall.clone().wait_for(|stalled| !stalled).await;
                if is_grpc(&request) {
                    return grpc_ok();
                }
                let recorded = replay(&request);
                if recorded.is_none() && !is_shadow(&request) {
                    return echo(cluster, request).await;
                }
                let seen = look_at(request).await;
                sees.lock().unwrap().push(seen);
                recorded.unwrap_or_default()
            });
        let reserved = Port::reserve();
        let port = reserved.number;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let listener = RUNTIME.block_on(tokio::net::TcpListener::bind(address)).unwrap();
        let server = RUNTIME.spawn(async move { axum::serve(listener, app).await });
        Self { port, _reserved: reserved, seen, model, server, held, stalled }
    }

    /// Takes no new connection any more.
    pub fn stop(&self) {
        self.server.abort();
        let port = self.port;
        wait_for("the upstream to stop", || TcpStream::connect(("127.0.0.1", port)).err());
    }

    /// Whether requests wait until this is called again.
    pub fn set_stalled(&self, stalled: bool) {
        self.stalled.send_replace(stalled);
    }

    /// The requests that were answered with recorded answers, or are shadows, since the last
    /// look.
    pub fn take_seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    /// Has the model do so from now on.
    pub fn set_model(&self, model: Model) {
        self.model.send_replace(model);
    }

    /// Lets all streams end.
    pub fn release(&self) {
        self.held.send_replace(false);
    }
}

// === impl Model ===

impl Model {
    /// The answer to the request of this number, a stream.
    async fn answer(self, number: u64) -> Response {
        // What looks random and is the same in each run.
        let draw = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let is_one_in = |count: u64| count > 0 && draw.is_multiple_of(count);
        if is_one_in(self.fails_one_in) {
            let (status, body) = self.failure.parts();
            let response = Response::builder().status(status);
            return response.header("content-type", "application/json").body(body.into()).unwrap();
        }
        let part = |of: u64| of + draw % (of + 1);
        tokio::time::sleep(Duration::from_millis(part(self.first_ms))).await;
        let delta = if is_one_in(self.refuses_one_in) { "refusal" } else { "content" };
        let chunk = |choice: Value| json!({"model": "m", "choices": [choice]}).to_string();
        let first = chunk(json!({"index": 0, "delta": {delta: "Copper."}}));
        let last = chunk(json!({"index": 0, "delta": {}, "finish_reason": "stop"}));
        let tokens = part(self.tokens);
        let usage = json!({
            "model": "m", "choices": [],
            "usage": {"prompt_tokens": 100, "completion_tokens": tokens},
        });
        let body = format!("data: {first}\n\ndata: {last}\n\ndata: {usage}\n\ndata: [DONE]\n\n");
        Response::builder().header("content-type", "text/event-stream").body(body.into()).unwrap()
    }
}

/// Also claims to be another version, which Envoy is to overrule.
async fn echo(cluster: &str, request: Request) -> Response {
    let (head, body) = request.into_parts();
    // A body that is cut has no answer that anyone sees.
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let headers: Vec<Value> =
        head.headers.iter().map(|(name, value)| json!([name.as_str(), value.as_bytes()])).collect();
    let path = head.uri.path_and_query().map(|path| path.as_str());
    // A character for each byte: megabytes of numbers would take seconds.
    let body: String = body.iter().map(|byte| char::from(*byte)).collect();
    // What reached it, within an answer of the Chat format.
    let seen = json!({
        "cluster": cluster, "headers": headers, "path": path, "body": body,
        "choices": [{"message": {"content": "Copper."}, "finish_reason": "stop"}],
    });
    Response::builder().header("x-verdigris-version", "teal").body(seen.to_string().into()).unwrap()
}

fn is_grpc(request: &Request) -> bool {
    request.headers().get("content-type").is_some_and(|kind| kind == GRPC)
}

/// A response that has nothing but its status.
fn grpc_ok() -> Response {
    let response = Response::builder().header("content-type", GRPC).header("grpc-status", "0");
    response.body(Body::empty()).unwrap()
}

fn is_shadow(request: &Request) -> bool {
    request.headers().get("x-verdigris-version").is_some_and(|version| version == "shadow")
}

async fn look_at(request: Request) -> Seen {
    let is_shadow = is_shadow(&request);
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let length = head.headers.get("content-length").and_then(|it| it.to_str().ok()?.parse().ok());
    Seen {
        path: head.uri.path().to_owned(),
        is_shadow,
        headers: head.headers.keys().map(|name| name.as_str().to_owned()).collect(),
        length: length.unwrap_or_default(),
        body: body.to_vec(),
    }
}

/// The recorded answer that the request's [`REPLAY`] names, in pieces that end
/// anywhere.
fn replay(request: &Request) -> Option<Response> {
    let name = request.headers().get(REPLAY)?.to_str().unwrap();
    let recorded = recorded_answers().into_iter().find(|recorded| recorded.name == name)?;
    let (pieces, body) = mpsc::channel::<Result<Bytes, Infallible>>(1);
    tokio::spawn(async move {
        for piece in recorded.body.chunks(61) {
            // Errors mean that the client has gone.
            let _ = pieces.send(Ok(Bytes::copy_from_slice(piece))).await;
        }
    });
    let mut response = Response::builder()
        .header("content-type", recorded.content_type)
        .header("x-request-cost", "0.002");
    if request.headers().get("accept-encoding").is_some_and(|it| it == "gzip") {
        // It is not: who has to leave it unread cannot tell.
        response = response.header("content-encoding", "gzip");
    }
    Some(response.body(Body::from_stream(ReceiverStream::new(body))).unwrap())
}

/// Sends the client on to `path`, over as many redirects as are asked for.
async fn redirect(
    Path((status, times, path)): Path<(u16, u16, String)>,
    request: Request,
) -> Response {
    let host = request.headers()["host"].to_str().unwrap();
    let place = match times {
        1 => path,
        _ => format!("redirect/{status}/{}/{path}", times - 1),
    };
    let location = format!("http://{host}/{place}");
    // Unread, the body would end the connection.
    let _ = axum::body::to_bytes(request.into_body(), usize::MAX).await;
    Response::builder().status(status).header("location", location).body(Body::empty()).unwrap()
}

async fn hold(mut release: watch::Receiver<bool>) -> Response {
    let (pieces, body) = mpsc::channel::<Result<Bytes, Infallible>>(1);
    tokio::spawn(async move {
        // Errors mean that the client has gone, and with it the stream.
        let _ = pieces.send(Ok(FIRST.into())).await;
        let _ = release.wait_for(|held| !held).await;
        let _ = pieces.send(Ok(LAST.into())).await;
    });
    Response::builder()
        .header("content-type", "text/event-stream")
        .body(Body::from_stream(ReceiverStream::new(body)))
        .unwrap()
}
