//! An HTTP client with one connection that reports each chunk of an answer.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;

/// The body of a short chat request, 515 bytes, for a plain answer or for a stream.
pub fn chat_body(stream: Option<StreamSpec>) -> String {
    let streams = stream.is_some();
    // Every gateway forwards the field `user`, but not every gateway forwards a header.
    let user = stream.map(|stream| serde_json::to_string(&stream).unwrap()).unwrap_or_default();
    let body = |content: &str| {
        let message = json!({"role": "user", "content": content});
        let body = json!({
            "model": "gpt-4o-mini", "stream": streams, "user": user, "messages": [message],
        });
        body.to_string()
    };
    body(&"g".repeat(515 - body("").len()))
}

/// The stream that the upstream answers with.
#[derive(Clone, Copy, Debug, serde::Deserialize, serde::Serialize)]
pub struct StreamSpec {
    pub chunks: usize,
    /// The time between two chunks. Without it each chunk, even the first one, waits for
    /// [`Upstream::send_next_chunk`](crate::upstream::Upstream::send_next_chunk).
    pub pace_ms: Option<u64>,
    /// The bytes of text in a chunk.
    pub size: usize,
}

pub struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    pub fn open(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::with_capacity(1 << 16, stream) })
    }

    /// Posts JSON and reads the answer. Calls `on_chunk` for each chunk of a chunked answer, or
    /// once. Returns the status.
    pub fn post(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
        on_chunk: impl FnMut(&[u8]),
    ) -> io::Result<u16> {
        self.send("POST", path, headers, body, on_chunk)
    }

    /// Sends a request and reads the head of the answer. Returns the status, and the length of
    /// the body if there is a `content-length`.
    fn send_request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> io::Result<(u16, Option<usize>)> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: llm\r\n");
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += &format!(
            "content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        self.read_head()
    }

    fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
        mut on_chunk: impl FnMut(&[u8]),
    ) -> io::Result<u16> {
        let (status, length) = self.send_request(method, path, headers, body)?;
        let mut buffer = Vec::new();
        match length {
            Some(length) => {
                buffer.resize(length, 0);
                self.stream.read_exact(&mut buffer)?;
                on_chunk(&buffer);
            }
            None => {
                while self.read_chunk(&mut buffer)? {
                    on_chunk(&buffer);
                }
            }
        }
        Ok(status)
    }

    /// Requests a stream and reads only its first chunk.
    pub fn open_stream(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> io::Result<u16> {
        let (status, _) = self.send_request("POST", path, headers, body)?;
        self.read_chunk(&mut Vec::new())?;
        Ok(status)
    }

    fn read_head(&mut self) -> io::Result<(u16, Option<usize>)> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut length = None;
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let header = line.trim_end().to_ascii_lowercase();
            match header.split_once(':') {
                Some(("content-length", value)) => length = value.trim().parse().ok(),
                Some(_) => {}
                None => return Ok((status, length)),
            }
        }
    }

    /// Reads a chunk. Returns false at the end of the answer.
    fn read_chunk(&mut self, buffer: &mut Vec<u8>) -> io::Result<bool> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim_end(), 16).map_err(io::Error::other)?;
        buffer.resize(size + 2, 0);
        self.stream.read_exact(buffer)?;
        buffer.truncate(size);
        Ok(size > 0)
    }
}

/// The answer of a server on this machine to a GET.
pub fn get(port: u16, path: &str) -> io::Result<String> {
    let mut body = Vec::new();
    Connection::open(port)?.send("GET", path, &[], "", |chunk| body.extend_from_slice(chunk))?;
    String::from_utf8(body).map_err(io::Error::other)
}
