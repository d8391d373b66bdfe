//! A server that fails each request in the same way.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// The way in which every request fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureMode {
    /// The server answers with this status.
    Status(u16),
    /// The server closes the connection before the response.
    Reset,
    /// The server closes the connection in the middle of the response.
    Truncate,
}

pub struct FailingServer {
    pub port: u16,
    is_stopped: Arc<AtomicBool>,
    server: Option<JoinHandle<()>>,
}

impl FailingServer {
    pub fn start(failure: FailureMode) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let is_stopped = Arc::new(AtomicBool::new(false));
        let server_is_stopped = Arc::clone(&is_stopped);
        let server = thread::spawn(move || {
            for connection in listener.incoming() {
                if server_is_stopped.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(connection) = connection else { continue };
                thread::spawn(move || fail_all(connection, failure));
            }
        });
        Self { port, is_stopped, server: Some(server) }
    }
}

impl Drop for FailingServer {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::Relaxed);
        // A connection makes the server check the flag.
        let _ = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], self.port)));
        let _ = self.server.take().map(JoinHandle::join);
    }
}

/// Fails all requests of a connection until the client closes it.
fn fail_all(mut connection: TcpStream, failure: FailureMode) {
    while read_request(&mut connection).is_some() {
        let result = match failure {
            FailureMode::Reset => return,
            FailureMode::Status(status) => {
                write!(connection, "HTTP/1.1 {status} Failed\r\ncontent-length: 0\r\n\r\n")
            }
            FailureMode::Truncate => {
                let truncated = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{";
                let _ = connection.write_all(truncated.as_bytes());
                return;
            }
        };
        if result.is_err() {
            return;
        }
    }
}

/// Reads a request that has no body or one with a `content-length`.
fn read_request(connection: &mut TcpStream) -> Option<()> {
    let (mut read, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        if let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&read[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
            if read.len() >= end + 4 + length {
                return Some(());
            }
        }
        match connection.read(&mut chunk) {
            Ok(0) | Err(_) => return None,
            Ok(size) => read.extend_from_slice(&chunk[..size]),
        }
    }
}
