//! Clients that send what `reqwest` does not: header names as they are written, and HTTP/2.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use axum::http::Request;
use bytes::Bytes;
use serde_json::Value;
use tokio::time::timeout;

use super::process::TIMEOUT;

/// The status and body of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawAnswer {
    pub status: u16,
    pub body: String,
}

impl RawAnswer {
    /// The cluster that answered with the request that it received.
    pub fn cluster(&self) -> String {
        self.received()["cluster"].as_str().unwrap_or_default().to_owned()
    }

    /// The values of a request header that reached the upstream.
    pub fn forwarded(&self, name: &str) -> Vec<String> {
        let headers = self.received()["headers"].as_array().cloned().unwrap_or_default();
        let named = headers.iter().filter(|it| it[0] == name);
        let value = |it: &Value| serde_json::from_value::<Vec<u8>>(it[1].clone()).unwrap();
        named.map(|it| String::from_utf8(value(it)).unwrap()).collect()
    }

    /// The request body that reached the upstream.
    pub fn received_body(&self) -> String {
        self.received()["body"].as_str().unwrap_or_default().to_owned()
    }

    fn received(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// Sends a head and the pieces of a body over HTTP/1.1, as they are written. The head must ask to
/// close the connection.
pub fn send_http1(url: &str, head: &str, pieces: &[&[u8]]) -> RawAnswer {
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    for piece in pieces {
        stream.write_all(piece).unwrap();
    }
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap_or_else(|error| {
        panic!("{error}: no end of the answer to {head}, but {:?}", answer.escape_ascii())
    });
    read_http1(&answer)
}

/// Reads a response whose connection is closed, after any 1xx responses.
fn read_http1(answer: &[u8]) -> RawAnswer {
    let text = String::from_utf8_lossy(answer).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text:?}"));
    let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
    if status < 200 {
        return read_http1(body.as_bytes());
    }
    let is_chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let body = if is_chunked { joined_chunks(body) } else { body.to_owned() };
    RawAnswer { status, body }
}

fn joined_chunks(mut body: &str) -> String {
    let mut joined = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        joined.push_str(&rest[..size]);
        body = rest[size..].strip_prefix("\r\n").unwrap_or_default();
    }
    joined
}

/// What a client sends over HTTP/2.
#[derive(Clone, Debug, Default)]
pub struct Http2Request<'a> {
    pub path: &'a str,
    pub headers: Vec<(&'a str, &'a str)>,
    /// Without pieces, the headers end the stream.
    pub pieces: Vec<&'a [u8]>,
    /// Trailers after the body.
    pub has_trailers: bool,
}

/// Sends a request over HTTP/2 with prior knowledge.
pub fn send_http2(url: &str, request: &Http2Request<'_>) -> RawAnswer {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let answer = runtime.block_on(async { timeout(TIMEOUT, exchange(url, request)).await });
    answer.unwrap_or_else(|_| panic!("no answer to {request:?}")).unwrap()
}

async fn exchange(url: &str, request: &Http2Request<'_>) -> Result<RawAnswer, h2::Error> {
    let address = url.strip_prefix("http://").unwrap();
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await?;
    tokio::spawn(connection);
    let method = if request.pieces.is_empty() { "GET" } else { "POST" };
    let mut head = Request::builder().method(method).uri(format!("{url}{}", request.path));
    for (name, value) in &request.headers {
        head = head.header(*name, *value);
    }
    let ends = request.pieces.is_empty() && !request.has_trailers;
    let (response, mut body) = client.ready().await?.send_request(head.body(()).unwrap(), ends)?;
    for (index, piece) in request.pieces.iter().enumerate() {
        let is_last = index + 1 == request.pieces.len() && !request.has_trailers;
        body.send_data(Bytes::copy_from_slice(piece), is_last)?;
        // So that pieces arrive apart where the filter waits; no result depends on it.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    if request.has_trailers {
        let mut trailers = axum::http::HeaderMap::new();
        trailers.insert("x-checksum", "1".parse().unwrap());
        body.send_trailers(trailers)?;
    }
    let response = response.await?;
    let status = response.status().as_u16();
    let mut received = Vec::new();
    let mut data = response.into_body();
    while let Some(piece) = data.data().await {
        let piece = piece?;
        let _ = data.flow_control().release_capacity(piece.len());
        received.extend_from_slice(&piece);
    }
    Ok(RawAnswer { status, body: String::from_utf8_lossy(&received).into_owned() })
}
