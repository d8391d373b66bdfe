//! An upstream that answers each request as the test has told it, over HTTP/1.1 and
//! HTTP/2, and breaks off where it is told to.

mod http1;
mod http2;

use std::collections::VecDeque;
use std::io::{Read, Result};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use super::frames::PREFACE;
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
    /// With the connection, by a FIN, which is not how it should end.
    Close,
    /// With the connection, as it should on HTTP/1.1.
    Eof,
    /// HTTP/1.1: with the connection, by an RST. HTTP/2: by RST_STREAM.
    Reset,
    /// As a WebSocket, which the server closes, and with it the connection.
    ServerCloses,
    /// As a WebSocket, which the client closes.
    ClientCloses,
}

pub struct Scripted {
    pub port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// The last is kept for all requests that follow.
    replies: Mutex<VecDeque<Reply>>,
    /// Whether a request has come.
    is_asked: AtomicBool,
    /// Whether the client has the beginning of the answer.
    has_begun: AtomicBool,
}

/// The frames of a WebSocket's server: a text, and the close frame.
const TEXT: &[u8] = b"\x81\x02hi";
const CLOSE: &[u8] = b"\x88\x02\x03\xe8";

// === impl Scripted ===

impl Scripted {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::<State>::default();
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
        *self.state.replies.lock().unwrap() = replies.iter().cloned().collect();
        self.state.is_asked.store(false, Ordering::Release);
        self.state.has_begun.store(false, Ordering::Release);
    }

    /// Waits until a request has come since then.
    pub fn wait_for_request(&self) {
        wait_for("a request", || self.state.is_asked.load(Ordering::Acquire).then_some(()));
    }

    /// The client has the beginning of the answer, which may break off now.
    pub fn begin(&self) {
        self.state.has_begun.store(true, Ordering::Release);
    }
}

// === impl State ===

impl State {
    fn take(&self) -> Reply {
        let mut replies = self.replies.lock().unwrap();
        let is_last = replies.len() == 1;
        let reply = if is_last { replies.front().cloned() } else { replies.pop_front() };
        self.is_asked.store(true, Ordering::Release);
        reply.unwrap_or_else(|| Reply::of(404))
    }

    /// Waits until the client has the beginning of the answer, if there is one: what comes
    /// of an answer that breaks off is not to depend on how far it has come.
    fn wait_for_begin(&self, reply: &Reply) {
        if reply.status != 0 {
            wait_for("the client to see the answer", || {
                self.has_begun.load(Ordering::Acquire).then_some(())
            });
        }
    }
}

fn serve(mut connection: TcpStream, state: &State) -> Result<()> {
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_nodelay(true)?;
    let mut first = [0; 4];
    connection.read_exact(&mut first)?;
    if first != PREFACE[..4] {
        return http1::serve(connection, &first, state);
    }
    connection.read_exact(&mut [0; PREFACE.len() - 4])?;
    http2::serve(connection, state)
}
