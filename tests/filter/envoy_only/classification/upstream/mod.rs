//! An upstream that gives scripted replies over HTTP/1.1 and HTTP/2, and can break off.

mod http1;
mod http2;

use std::collections::VecDeque;
use std::io::{Read, Result};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use super::frames::PREFACE;
use crate::envoy::process::{TIMEOUT, wait_for};

/// The reply to one request.
#[derive(Clone, Debug)]
pub struct Reply {
    /// 0 for no response.
    pub status: u16,
    pub headers: Vec<(&'static str, &'static str)>,
    pub body: Vec<u8>,
    pub trailers: Vec<(&'static str, &'static str)>,
    pub end: ReplyEnd,
    /// The status of an interim response.
    pub interim: Option<u16>,
}

/// How a reply ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyEnd {
    Complete,
    /// The upstream keeps the stream open until the other side breaks off.
    Hold,
    /// The upstream closes the connection by a FIN before the reply is complete.
    Close,
    /// The end of the connection is the regular end of the reply (HTTP/1.1).
    Eof,
    /// HTTP/1.1: the upstream resets the connection. HTTP/2: it sends RST_STREAM.
    Reset,
    /// The server closes the WebSocket and then the connection.
    ServerCloses,
    /// The client closes the WebSocket.
    ClientCloses,
}

pub struct ScriptedUpstream {
    pub port: u16,
    script: Arc<Script>,
}

#[derive(Default)]
struct Script {
    /// The last reply is used for all further requests.
    replies: Mutex<VecDeque<Reply>>,
    /// Whether a request was received.
    has_request: AtomicBool,
    /// Whether the client has the beginning of the reply.
    has_begun: AtomicBool,
}

/// Frames of a WebSocket server: a text frame and the close frame.
const TEXT: &[u8] = b"\x81\x02hi";
const CLOSE: &[u8] = b"\x88\x02\x03\xe8";

// === impl ScriptedUpstream ===

impl ScriptedUpstream {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let script = Arc::<Script>::default();
        let shared = Arc::clone(&script);
        thread::spawn(move || {
            for connection in listener.incoming() {
                let script = Arc::clone(&shared);
                // An error means that the other side has broken off.
                thread::spawn(move || connection.and_then(|connection| serve(connection, &script)));
            }
        });
        Self { port, script }
    }

    /// Sets the replies to the next requests. The last one is used for all further requests.
    pub fn answer(&self, replies: &[Reply]) {
        *self.script.replies.lock().unwrap() = replies.iter().cloned().collect();
        self.script.has_request.store(false, Ordering::Release);
        self.script.has_begun.store(false, Ordering::Release);
    }

    /// Waits for a request since the last [`ScriptedUpstream::answer`].
    pub fn wait_for_request(&self) {
        wait_for("a request", || self.script.has_request.load(Ordering::Acquire).then_some(()));
    }

    /// Reports that the client has the beginning of the reply, which may now break off.
    pub fn allow_break_off(&self) {
        self.script.has_begun.store(true, Ordering::Release);
    }
}

// === impl Script ===

impl Script {
    fn next_reply(&self) -> Reply {
        let mut replies = self.replies.lock().unwrap();
        let is_last = replies.len() == 1;
        let reply = if is_last { replies.front().cloned() } else { replies.pop_front() };
        self.has_request.store(true, Ordering::Release);
        reply.unwrap_or_else(|| Reply::with_status(404))
    }

    /// Waits until the client has the beginning of the reply, if there is one. The result of a
    /// reply that breaks off must not depend on how much of it Envoy has forwarded.
    fn wait_until_client_has_beginning(&self, reply: &Reply) {
        if reply.status != 0 {
            wait_for("the client to see the answer", || {
                self.has_begun.load(Ordering::Acquire).then_some(())
            });
        }
    }
}

fn serve(mut connection: TcpStream, script: &Script) -> Result<()> {
    connection.set_read_timeout(Some(TIMEOUT))?;
    connection.set_nodelay(true)?;
    let mut first = [0; 4];
    connection.read_exact(&mut first)?;
    if first != PREFACE[..4] {
        return http1::serve(connection, &first, script);
    }
    connection.read_exact(&mut [0; PREFACE.len() - 4])?;
    http2::serve(connection, script)
}
