//! A server that fails each request in the same way.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// How a request fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The server answers with this status.
    Status(u16),
    /// The connection ends before the response begins.
    Reset,
    /// The connection ends within the response.
    Cut,
}

pub struct Broken {
    pub port: u16,
    is_over: Arc<AtomicBool>,
    server: Option<JoinHandle<()>>,
}

impl Broken {
    pub fn start(failure: Failure) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        let server = thread::spawn(move || {
            for connection in listener.incoming() {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(connection) = connection else { continue };
                thread::spawn(move || fail_all(connection, failure));
            }
        });
        Self { port, is_over, server: Some(server) }
    }
}

impl Drop for Broken {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // It is woken, and sees that it is over.
        let _ = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], self.port)));
        let _ = self.server.take().map(JoinHandle::join);
    }
}

/// Fails what comes over a connection until it ends.
fn fail_all(mut connection: TcpStream, failure: Failure) {
    while read_request(&mut connection).is_some() {
        let written = match failure {
            Failure::Reset => return,
            Failure::Status(status) => {
                write!(connection, "HTTP/1.1 {status} Failed\r\ncontent-length: 0\r\n\r\n")
            }
            Failure::Cut => {
                let cut = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{";
                let _ = connection.write_all(cut.as_bytes());
                return;
            }
        };
        if written.is_err() {
            return;
        }
    }
}

/// Reads a request whose body has a `content-length`, or none.
fn read_request(connection: &mut TcpStream) -> Option<()> {
    let (mut read, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        if let Some(end) = read.windows(4).position(|it| it == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&read[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
            if read.len() >= end + 4 + length {
                return Some(());
            }
        }
        match connection.read(&mut piece) {
            Ok(0) | Err(_) => return None,
            Ok(size) => read.extend_from_slice(&piece[..size]),
        }
    }
}
