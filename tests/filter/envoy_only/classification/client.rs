//! Clients that ask, and leave or break the protocol when the test has them do so.

use std::io::{Read, Result, Write};
use std::net::{SocketAddr, TcpStream};

use super::http2::{CANCEL, Frame, Kind, PREFACE};
use super::http3;
use crate::envoy::process::PATIENCE;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Http1,
    Http2,
    Http3,
}

#[derive(Clone, Debug)]
pub struct Ask {
    pub protocol: Protocol,
    pub method: &'static str,
    pub path: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: &'static str,
    pub leaves: Leaves,
}

/// When a client leaves, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaves {
    /// It stays to the end.
    Never,
    /// When it has all, before the upstream ends the connection: a WebSocket's.
    AfterTheAnswer,
    /// When the upstream has the request, which it has not answered.
    Unanswered(How),
    /// When the first of the answer's body has come.
    InTheAnswer(How),
    /// When the upstream has the request's headers; of its body there is more to come.
    InTheRequest(How),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Ends the connection.
    Close,
    /// Resets the stream; on HTTP/1.1 the connection, by an RST.
    Reset,
    /// Wants no more of the answer: HTTP/3's STOP_SENDING.
    Stop,
    /// Says GOAWAY, and ends the connection.
    GoAway,
    /// Sends what the protocol does not allow.
    Break,
    /// Does nothing more.
    Stall,
}

/// What a client needs to know of the test.
pub struct Around<'a> {
    pub tcp: SocketAddr,
    pub udp: SocketAddr,
    /// Returns when the upstream has the request.
    pub wait_for_request: &'a dyn Fn(),
    /// Returns when Envoy has done with it.
    pub wait_for_end: &'a dyn Fn(),
    pub http3: &'a http3::Client,
}

/// Of a WebSocket's client, masked with zeros: a text and an end.
pub const TEXT: &[u8] = b"\x81\x82\0\0\0\0hi";
pub const CLOSE: &[u8] = b"\x88\x82\0\0\0\0\x03\xe8";

// === impl Leaves ===

impl Leaves {
    /// Whether the request's body ends.
    fn ends_request(self) -> bool {
        !matches!(self, Self::InTheRequest(_))
    }
}

// === impl Ask ===

impl Ask {
    /// Asks, and leaves or stays.
    pub fn send(&self, around: &Around<'_>) {
        // Errors mean that the other side has broken off, as many tests have it.
        let _ = match self.protocol {
            Protocol::Http1 => self.send_http1(around),
            Protocol::Http2 => self.send_http2(around),
            Protocol::Http3 => around.http3.send(self, around),
        };
    }

    fn is_websocket(&self) -> bool {
        self.headers.iter().any(|(name, _)| *name == "upgrade")
    }

    fn send_http1(&self, around: &Around<'_>) -> Result<()> {
        let mut connection = TcpStream::connect(around.tcp)?;
        connection.set_read_timeout(Some(PATIENCE))?;
        let mut head = format!("{} {} HTTP/1.1\r\nhost: test\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        let expects = self.headers.iter().any(|(name, _)| *name == "expect");
        if !self.leaves.ends_request() {
            head += "transfer-encoding: chunked\r\n";
        } else if !self.body.is_empty() {
            head += &format!("content-length: {}\r\n", self.body.len());
        }
        head += "\r\n";
        connection.write_all(head.as_bytes())?;
        if expects {
            let mut answer = [0; 25];
            connection.read_exact(&mut answer)?;
            assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        if self.leaves.ends_request() {
            connection.write_all(self.body.as_bytes())?;
        } else {
            write!(connection, "{:x}\r\n{}\r\n", self.body.len(), self.body)?;
        }
        let how = match self.leaves {
            Leaves::Never | Leaves::AfterTheAnswer => {
                return if self.is_websocket() {
                    talk(&mut connection, self.leaves)
                } else {
                    read_answer(&mut connection, self.method == "HEAD")
                };
            }
            Leaves::Unanswered(how) | Leaves::InTheRequest(how) => {
                (around.wait_for_request)();
                how
            }
            Leaves::InTheAnswer(how) => {
                read_until(&mut connection, b"\r\n\r\n")?;
                connection.read_exact(&mut [0])?;
                how
            }
        };
        match how {
            How::Break => {
                connection.write_all(b"this is no chunk\r\n\r\n")?;
                // Envoy says what it thinks of it, and closes.
                connection.read_to_end(&mut Vec::new())?;
            }
            How::Reset => rustix::net::sockopt::set_socket_linger(
                &connection,
                Some(std::time::Duration::ZERO),
            )?,
            How::Stall => (around.wait_for_end)(),
            How::Close | How::Stop | How::GoAway => {}
        }
        Ok(())
    }

    fn send_http2(&self, around: &Around<'_>) -> Result<()> {
        let mut connection = TcpStream::connect(around.tcp)?;
        connection.set_read_timeout(Some(PATIENCE))?;
        connection.set_nodelay(true)?;
        connection.write_all(PREFACE)?;
        Frame::settings().write(&mut connection)?;
        let fields = self.fields();
        let is_websocket = self.method == "CONNECT";
        let ends = self.body.is_empty() && self.leaves.ends_request() && !is_websocket;
        Frame::headers(1, &fields, ends).write(&mut connection)?;
        if !self.body.is_empty() {
            Frame::data(1, self.body.as_bytes(), self.leaves.ends_request())
                .write(&mut connection)?;
        }
        let how = match self.leaves {
            Leaves::Never | Leaves::AfterTheAnswer if is_websocket => {
                return talk_http2(&mut connection, self.leaves, around);
            }
            Leaves::Never | Leaves::AfterTheAnswer => loop {
                let frame = Frame::read(&mut connection)?;
                if frame.ends_stream() || matches!(frame.kind, Kind::Reset | Kind::GoAway) {
                    return Ok(());
                }
            },
            Leaves::Unanswered(how) | Leaves::InTheRequest(how) => {
                (around.wait_for_request)();
                how
            }
            Leaves::InTheAnswer(how) => {
                while Frame::read(&mut connection)?.kind != Kind::Data {}
                how
            }
        };
        match how {
            How::Reset | How::Stop => {
                Frame::reset(1, CANCEL).write(&mut connection)?;
                (around.wait_for_end)();
            }
            How::GoAway => Frame::go_away().write(&mut connection)?,
            How::Stall => (around.wait_for_end)(),
            How::Break => {
                // Data of a stream that has never been opened.
                Frame::data(3, b"?", false).write(&mut connection)?;
                (around.wait_for_end)();
            }
            How::Close => {}
        }
        Ok(())
    }

    /// The request's fields on HTTP/2 and HTTP/3.
    pub fn fields(&self) -> Vec<(&str, &str)> {
        let mut fields = vec![
            (":method", self.method),
            (":scheme", "http"),
            (":authority", "test"),
            (":path", self.path),
        ];
        fields.extend(self.headers.iter().map(|(name, value)| (*name, value.as_str())));
        fields
    }

    pub fn ends_request(&self) -> bool {
        self.leaves.ends_request()
    }
}

/// Reads a response to its end, and the ones before it.
fn read_answer(connection: &mut TcpStream, is_head: bool) -> Result<()> {
    let head = loop {
        let head = read_until(connection, b"\r\n\r\n")?;
        if !head.starts_with("http/1.1 1") {
            break head;
        }
    };
    if is_head || head.starts_with("http/1.1 204") || head.starts_with("http/1.1 304") {
        return Ok(());
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    match length {
        Some(length) => connection.read_exact(&mut vec![0; length.parse().unwrap()]),
        None if head.contains("transfer-encoding: chunked") => {
            read_until(connection, b"0\r\n").and_then(|_| read_until(connection, b"\r\n")).map(drop)
        }
        None => connection.read_to_end(&mut Vec::new()).map(drop),
    }
}

/// In small letters.
fn read_until(connection: &mut TcpStream, end: &[u8]) -> Result<String> {
    let mut text = Vec::new();
    while !text.ends_with(end) {
        let mut byte = [0];
        connection.read_exact(&mut byte)?;
        text.extend(byte);
    }
    Ok(String::from_utf8_lossy(&text).to_ascii_lowercase())
}

/// A WebSocket's client, which answers an end with its own.
fn talk(connection: &mut TcpStream, leaves: Leaves) -> Result<()> {
    if !read_until(connection, b"\r\n\r\n")?.starts_with("http/1.1 101") {
        return Ok(());
    }
    connection.write_all(TEXT)?;
    // The server's text; its end comes by itself or after the client's.
    connection.read_exact(&mut [0; 4])?;
    connection.write_all(CLOSE)?;
    connection.read_exact(&mut [0; 4])?;
    if leaves == Leaves::Never {
        connection.read_to_end(&mut Vec::new())?;
    }
    Ok(())
}

fn talk_http2(connection: &mut TcpStream, leaves: Leaves, around: &Around<'_>) -> Result<()> {
    Frame::data(1, TEXT, false).write(connection)?;
    read_data(connection, 4)?;
    Frame::data(1, CLOSE, false).write(connection)?;
    if leaves == Leaves::Never {
        return read_data(connection, usize::MAX);
    }
    read_data(connection, 4)?;
    // Envoy does not tell an upstream of HTTP/1.1 of the end of a half.
    Frame::reset(1, CANCEL).write(connection)?;
    (around.wait_for_end)();
    Ok(())
}

/// Reads so much of a stream's data, or to its end.
fn read_data(connection: &mut TcpStream, size: usize) -> Result<()> {
    let mut read = 0;
    while read < size {
        let frame = Frame::read(connection)?;
        if frame.ends_stream() || frame.kind == Kind::Reset {
            return Ok(());
        }
        read += if frame.kind == Kind::Data { frame.payload.len() } else { 0 };
    }
    Ok(())
}
