//! A gRPC client on HTTP/2 without TLS.

use std::time::Duration;

use axum::http::{HeaderMap, Request};
use bytes::{BufMut as _, Bytes, BytesMut};
use h2::client::SendRequest;
use tokio::net::TcpStream;
use tokio::time::timeout;
use verdigris::fleet::etcd::{GrpcCalls, GrpcError, GrpcMethod};

/// The time after which a call fails.
const TIMEOUT: Duration = Duration::from_secs(20);

const CANCELLED: u32 = 1;
const DEADLINE_EXCEEDED: u32 = 4;
const UNAVAILABLE: u32 = 14;

/// Calls a server, each time on a new connection.
#[derive(Clone, Debug)]
pub struct GrpcClient {
    port: u16,
}

impl GrpcClient {
    /// Calls the server at this port of the loopback address.
    pub fn new(port: u16) -> Self {
        Self { port }
    }

    /// Calls a method by its path, such as `/etcdserverpb.KV/Txn`.
    pub async fn call_path(&self, path: &str, message: &[u8]) -> Result<Vec<u8>, GrpcError> {
        match timeout(TIMEOUT, self.exchange(path, message)).await {
            Ok(answer) => answer,
            Err(_) => Err(status(DEADLINE_EXCEEDED, "timeout")),
        }
    }

    async fn exchange(&self, path: &str, message: &[u8]) -> Result<Vec<u8>, GrpcError> {
        let unavailable = |error: &dyn std::fmt::Display| status(UNAVAILABLE, &error.to_string());
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await;
        let stream = stream.map_err(|it| unavailable(&it))?;
        let (client, connection) =
            h2::client::handshake(stream).await.map_err(|it| unavailable(&it))?;
        let connection = tokio::spawn(connection);
        let answer = unary(client, self.port, path, message).await;
        connection.abort();
        answer.map_err(|it| unavailable(&it))?
    }
}

impl GrpcCalls for GrpcClient {
    async fn call(&self, method: GrpcMethod, message: Vec<u8>) -> Result<Vec<u8>, GrpcError> {
        self.call_path(&format!("/{}/{}", method.service, method.method), &message).await
    }
}

async fn unary(
    client: SendRequest<Bytes>,
    port: u16,
    path: &str,
    message: &[u8],
) -> Result<Result<Vec<u8>, GrpcError>, h2::Error> {
    let request = Request::post(format!("http://127.0.0.1:{port}{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .unwrap();
    let (response, mut body) = client.ready().await?.send_request(request, false)?;
    body.send_data(frame(message), true)?;
    let response = response.await?;
    if response.status() != 200 {
        return Ok(Err(status(UNAVAILABLE, &format!("HTTP status {}", response.status()))));
    }
    let headers = response.headers().clone();
    let mut data = response.into_body();
    let received = read_body(&mut data).await?;
    let trailers = data.trailers().await?.unwrap_or_default();
    Ok(match grpc_status(&trailers).or_else(|| grpc_status(&headers)) {
        Some((0, _)) => unframe(&received),
        Some((code, message)) => Err(status(code, &message)),
        None => Err(status(CANCELLED, "no status")),
    })
}

/// Reads a body to its end.
pub async fn read_body(body: &mut h2::RecvStream) -> Result<Vec<u8>, h2::Error> {
    let mut received = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        received.extend_from_slice(&data);
    }
    Ok(received)
}

fn grpc_status(headers: &HeaderMap) -> Option<(u32, String)> {
    let text = |name| headers.get(name).and_then(|it| it.to_str().ok());
    let message = text("grpc-message").unwrap_or_default().to_owned();
    Some((text("grpc-status")?.parse().ok()?, message))
}

fn status(code: u32, message: &str) -> GrpcError {
    GrpcError::Status { code, message: message.to_owned() }
}

/// A message as it is in a body: a byte that says that it is not compressed, and its length.
pub fn frame(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(message.len() + 5);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap());
    frame.extend_from_slice(message);
    frame.freeze()
}

fn unframe(body: &[u8]) -> Result<Vec<u8>, GrpcError> {
    match body.split_at_checked(5) {
        Some((&[0, a, b, c, d], message))
            if u32::from_be_bytes([a, b, c, d]) as usize == message.len() =>
        {
            Ok(message.to_vec())
        }
        _ => Err(status(UNAVAILABLE, "the body is not one message")),
    }
}
