//! A client on one connection that knows when each piece of an answer has come.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

/// A request's body of the size of a short chat: 515 bytes.
pub fn chat(streams: bool) -> String {
    let head = format!(
        r#"{{"model":"gpt-4o-mini","stream":{streams},"messages":[{{"role":"user","content":""#
    );
    let tail = r#""}]}"#;
    format!("{head}{}{tail}", "green ".repeat(100).split_at(515 - head.len() - tail.len()).0)
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

    fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
        mut piece: impl FnMut(&[u8]),
    ) -> io::Result<u16> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: llm\r\n");
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += &format!(
            "content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut length = None;
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let header = line.trim_end().to_ascii_lowercase();
            match header.split_once(": ") {
                Some(("content-length", value)) => length = value.parse().ok(),
                Some(_) => {}
                None => break,
            }
        }
        let mut buffer = Vec::new();
        if let Some(length) = length {
            buffer.resize(length, 0);
            self.stream.read_exact(&mut buffer)?;
            piece(&buffer);
            return Ok(status);
        }
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let size = usize::from_str_radix(line.trim_end(), 16).map_err(io::Error::other)?;
            buffer.resize(size + 2, 0);
            self.stream.read_exact(&mut buffer)?;
            if size == 0 {
                return Ok(status);
            }
            piece(&buffer[..size]);
        }
    }
}

/// What a server on this machine answers.
pub fn get(port: u16, path: &str) -> io::Result<String> {
    let mut body = Vec::new();
    Connection::open(port)?.send("GET", path, &[], "", |piece| body.extend_from_slice(piece))?;
    String::from_utf8(body).map_err(io::Error::other)
}
