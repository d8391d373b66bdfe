//! The clusters behind Envoy: each says who it is and what reached it, can replay a
//! recorded answer, and can hold a stream open for as long as a test wants.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpStream};
use std::sync::LazyLock;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use axum::routing::any;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;

use super::process::wait_for;
use crate::artifacts::recorded_answers;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// A stream's first and last piece; between them it waits for [`Upstream::release`].
pub const FIRST: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n";
pub const LAST: &str = "data: [DONE]\n\n";

/// The request header that names a recorded answer.
pub const REPLAY: &str = "x-replay";

pub struct Upstream {
    pub port: u16,
    server: JoinHandle<std::io::Result<()>>,
    held: watch::Sender<bool>,
}

impl Upstream {
    /// An upstream that answers as `cluster`: any path with what reached it, or with
    /// the recorded answer that the request names, `/hold` with a stream.
    pub fn start(cluster: &'static str) -> Self {
        let (held, release) = watch::channel(true);
        let app = Router::new().route("/hold", any(move || hold(release.clone()))).fallback(
            move |request: Request| async move {
                replay(&request).unwrap_or_else(|| echo(cluster, &request))
            },
        );
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = RUNTIME.block_on(tokio::net::TcpListener::bind(address)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = RUNTIME.spawn(async move { axum::serve(listener, app).await });
        Self { port, server, held }
    }

    /// Takes no new connection any more.
    pub fn stop(&self) {
        self.server.abort();
        let port = self.port;
        wait_for("the upstream to stop", || TcpStream::connect(("127.0.0.1", port)).err());
    }

    /// Lets all streams end.
    pub fn release(&self) {
        self.held.send_replace(false);
    }
}

/// Also claims to be another version, which Envoy is to overrule.
fn echo(cluster: &str, request: &Request) -> Response {
    let headers: Vec<Value> = request
        .headers()
        .iter()
        .map(|(name, value)| json!([name.as_str(), value.as_bytes()]))
        .collect();
    let seen = json!({"cluster": cluster, "headers": headers});
    Response::builder().header("x-verdigris-version", "teal").body(seen.to_string().into()).unwrap()
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
    let response = Response::builder()
        .header("content-type", recorded.content_type)
        .header("x-request-cost", "0.002")
        .body(Body::from_stream(ReceiverStream::new(body)));
    Some(response.unwrap())
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
