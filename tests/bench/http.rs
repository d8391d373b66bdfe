//! A client on one connection that knows when each piece of an answer has come.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;

/// A request's body of the size of a short chat, 515 bytes: for a plain answer, or
/// for a stream.
pub fn chat(stream: Option<Streamed>) -> String {
    let streams = stream.is_some();
    // Every gateway passes the user on, and not every one a header.
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

/// How an answer is to stream.
#[derive(Clone, Copy, Debug, serde::Deserialize, serde::Serialize)]
pub struct Streamed {
    pub chunks: usize,
    /// The milliseconds between two chunks; without it a chunk, the first one too,
    /// waits until it is let go.
    pub pace: Option<u64>,
    /// How many bytes of text a chunk has.
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

    /// Posts JSON and reads the answer; `piece` is called for each chunk of one that
    /// is chunked, or once. The status.
    pub fn post(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
        piece: impl FnMut(&[u8]),
    ) -> io::Result<u16> {
        self.send("POST", path, headers, body, piece)
    }

    /// Sends a request and reads the answer's head: its status, and the body's length
    /// if that is told.
    fn ask(
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
        self.head()
    }

    fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
        mut piece: impl FnMut(&[u8]),
    ) -> io::Result<u16> {
        let (status, length) = self.ask(method, path, headers, body)?;
        let mut buffer = Vec::new();
        match length {
            Some(length) => {
                buffer.resize(length, 0);
                self.stream.read_exact(&mut buffer)?;
                piece(&buffer);
            }
            None => {
                while self.chunk(&mut buffer)? {
                    piece(&buffer);
                }
            }
        }
        Ok(status)
    }

    /// Asks for a stream and reads its first chunk; the rest is left to come.
    pub fn open_stream(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> io::Result<u16> {
        let (status, _) = self.ask("POST", path, headers, body)?;
        self.chunk(&mut Vec::new())?;
        Ok(status)
    }

    fn head(&mut self) -> io::Result<(u16, Option<usize>)> {
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

    /// Reads a chunk; whether there was one.
    fn chunk(&mut self, buffer: &mut Vec<u8>) -> io::Result<bool> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim_end(), 16).map_err(io::Error::other)?;
        buffer.resize(size + 2, 0);
        self.stream.read_exact(buffer)?;
        buffer.truncate(size);
        Ok(size > 0)
    }
}

/// What a server on this machine answers.
pub fn get(port: u16, path: &str) -> io::Result<String> {
    let mut body = Vec::new();
    Connection::open(port)?.send("GET", path, &[], "", |piece| body.extend_from_slice(piece))?;
    String::from_utf8(body).map_err(io::Error::other)
}
