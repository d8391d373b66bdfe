//! An upstream that answers each request as the test has told it, over HTTP/1.1 and
//! HTTP/2, and breaks off where it is told to.

use std::collections::VecDeque;
use std::io::{Read, Result, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use rustix::net::sockopt::set_socket_linger;

use super::http2::{CANCEL, Frame, INTERNAL_ERROR, Kind, PREFACE};
use crate::envoy::process::{PATIENCE, wait_for};

/// What is answered to one request.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, &'static str)>,
    pub body: Vec<u8>,
    pub trailers: Vec<(&'static str, &'static str)>,
    pub end: End,
    /// The status of a response before the response.
    pub interim: Option<u16>,
}

/// How an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Complete,
    /// It does not, until the other side breaks off.
    Hold,
    /// With the connection, by a FIN.
    Close,
    /// HTTP/1.1: with the connection, by an RST. HTTP/2: by RST_STREAM.
    Reset,
    /// As a WebSocket, which the server closes, and with it the connection.
    ServerCloses,
    /// As a WebSocket, which the client closes.
    ClientCloses,
}

pub struct Scripted {
    pub port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// The last is kept for all requests that follow.
    replies: VecDeque<Reply>,
    requests: usize,
}

/// The frames of a WebSocket: a text, and the end.
const TEXT: &[u8] = b"\x81\x02hi";
const CLOSE: &[u8] = b"\x88\x02\x03\xe8";

// === impl Scripted ===

impl Scripted {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for connection in listener.incoming() {
                let state = Arc::clone(&shared);
                // Errors mean that the other side has gone.
                thread::spawn(move || connection.and_then(|it| serve(it, &state)));
            }
        });
        Self { port, state }
    }

    /// Answers the requests to come with `replies`, and all further ones as the last.
    pub fn answer(&self, replies: &[Reply]) {
        let mut state = self.state.lock().unwrap();
        state.replies = replies.iter().cloned().collect();
        state.requests = 0;
    }

    /// Waits until a request has come since then.
    pub fn wait_for_request(&self) {
        wait_for("a request", || (self.state.lock().unwrap().requests > 0).then_some(()));
    }
}

// === impl State ===

impl State {
    fn take(&mut self) -> Option<Reply> {
        self.requests += 1;
        if self.replies.len() > 1 {
            self.replies.pop_front()
        } else {
            self.replies.front().cloned()
        }
    }
}

fn serve(mut connection: TcpStream, state: &Mutex<State>) -> Result<()> {
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_nodelay(true)?;
    let mut first = [0; 4];
    connection.read_exact(&mut first)?;
    if first == PREFACE[..4] {
        let mut rest = [0; PREFACE.len() - 4];
        connection.read_exact(&mut rest)?;
        return serve_http2(connection, state);
    }
    let mut head = first.to_vec();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        connection.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    connection.read_exact(&mut body)?;
    let mut state = state.lock().unwrap();
    // Who else asks has taken this port for another's that is gone.
    let is_row = head.contains("\r\nx-case: ") || head.contains("\r\nx-envoy-internal: ");
    let reply = if is_row { state.take() } else { None };
    drop(state);
    let reply = reply.unwrap_or_else(|| Reply::of(404));
    answer_http1(connection, &reply, head.starts_with("head "))
}

/// Answers the one request of this connection.
fn answer_http1(mut connection: TcpStream, reply: &Reply, is_head: bool) -> Result<()> {
    let mut text = String::new();
    if let Some(interim) = reply.interim {
        text += &format!("HTTP/1.1 {interim} Interim\r\nlink: </a>; rel=preload\r\n\r\n");
    }
    let has_length = reply.headers.iter().any(|(name, _)| *name == "content-length");
    let is_chunked = !has_length && (reply.end != End::Complete || !reply.trailers.is_empty());
    if reply.status != 0 {
        text += &format!("HTTP/1.1 {} Scripted\r\n", reply.status);
        for (name, value) in &reply.headers {
            text += &format!("{name}: {value}\r\n");
        }
        if reply.status == 101 {
            text += "connection: upgrade\r\nupgrade: websocket\r\n";
        } else if is_chunked {
            text += "transfer-encoding: chunked\r\n";
        } else if !has_length && !matches!(reply.status, 204 | 304) {
            text += &format!("content-length: {}\r\n", reply.body.len());
        }
        if reply.status != 101 {
            text += "connection: close\r\n";
        }
        text += "\r\n";
    }
    connection.write_all(text.as_bytes())?;
    if !is_head && !reply.body.is_empty() {
        if is_chunked {
            write!(connection, "{:x}\r\n", reply.body.len())?;
        }
        connection.write_all(&reply.body)?;
        if is_chunked {
            connection.write_all(b"\r\n")?;
        }
    }
    match reply.end {
        End::Complete if is_chunked => {
            let trailers = reply.trailers.iter();
            let trailers: String =
                trailers.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            write!(connection, "0\r\n{trailers}\r\n")?;
        }
        End::Complete | End::Hold | End::Close => {}
        End::Reset => {
            set_socket_linger(&connection, Some(std::time::Duration::ZERO))?;
            return Ok(());
        }
        End::ServerCloses => {
            connection.write_all(TEXT)?;
            connection.write_all(CLOSE)?;
            // Of the client's, masked: its text and its end.
            connection.read_exact(&mut [0; 8 + 8])?;
        }
        End::ClientCloses => {
            connection.write_all(TEXT)?;
            connection.read_exact(&mut [0; 8 + 8])?;
            connection.write_all(CLOSE)?;
            connection.read_to_end(&mut Vec::new())?;
        }
    }
    if reply.end != End::Hold {
        connection.shutdown(Shutdown::Write)?;
    }
    // What is not read would turn the FIN into an RST.
    connection.read_to_end(&mut Vec::new())?;
    Ok(())
}

fn serve_http2(mut connection: TcpStream, state: &Mutex<State>) -> Result<()> {
    Frame::settings().write(&mut connection)?;
    loop {
        let frame = Frame::read(&mut connection)?;
        // Answered at once: a request's body is not waited for.
        if frame.kind != Kind::Headers {
            continue;
        }
        let reply = state.lock().unwrap().take().unwrap_or_else(|| Reply::of(404));
        let stream = frame.stream;
        let status = reply.status.to_string();
        let mut fields = vec![(":status", status.as_str())];
        fields.extend(reply.headers.iter().copied());
        let (completes, has_trailers) = (reply.end == End::Complete, !reply.trailers.is_empty());
        if reply.status != 0 {
            let ends = completes && !has_trailers && reply.body.is_empty();
            Frame::headers(stream, &fields, ends).write(&mut connection)?;
        }
        if !reply.body.is_empty() {
            let ends = completes && !has_trailers;
            Frame::data(stream, &reply.body, ends).write(&mut connection)?;
        }
        match reply.end {
            End::Complete if has_trailers => {
                Frame::headers(stream, &reply.trailers, true).write(&mut connection)?;
            }
            End::Reset => {
                let code = if reply.status == 0 { INTERNAL_ERROR } else { CANCEL };
                Frame::reset(stream, code).write(&mut connection)?;
            }
            End::Close => return Ok(()),
            End::ServerCloses | End::ClientCloses => {
                let text = if reply.end == End::ServerCloses {
                    [TEXT, CLOSE].concat()
                } else {
                    TEXT.to_vec()
                };
                Frame::data(stream, &text, false).write(&mut connection)?;
                // The client's text, and its end.
                let mut told = 0;
                while told < 8 + 8 {
                    let frame = Frame::read(&mut connection)?;
                    told += if frame.kind == Kind::Data { frame.payload.len() } else { 0 };
                }
                let last: &[u8] = if reply.end == End::ClientCloses { CLOSE } else { b"" };
                Frame::data(stream, last, true).write(&mut connection)?;
            }
            End::Complete | End::Hold => {}
        }
    }
}
