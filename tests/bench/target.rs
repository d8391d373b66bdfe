//! A running proxy to measure.

use std::time::{Duration, Instant};

use crate::contestant::Contestant;
use crate::cpu;
use crate::gateway::{Gateway, Server};
use crate::http::{Connection, StreamSpec, chat_body};
use crate::process::Process;

pub const PATH: &str = "/v1/chat/completions";

/// The number of chunks in a stream.
pub const CHUNKS_PER_STREAM: usize = 200;

pub struct Target {
    pub name: String,
    pub port: u16,
    /// The headers of each request.
    pub headers: Vec<(String, String)>,
    pub process: Process,
    /// The working directory of the process, deleted with the target.
    pub _folder: tempfile::TempDir,
}

// === impl Target ===

impl Target {
    /// Starts an Envoy process for this contestant.
    pub fn envoy(contestant: Contestant, upstream: u16) -> Self {
        let server = Server { port: upstream, is_judge: true };
        let Gateway { process, folder, ports, .. } =
            Gateway::start(&[contestant], server, &["taskset", "--cpu-list", PROXY_CPU]);
        Self {
            name: contestant.name().to_owned(),
            port: ports[0],
            headers: vec![("x-user-id".to_owned(), "user-000001".to_owned())],
            process,
            _folder: folder,
        }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}{PATH}", self.port)
    }

    /// The CPU time of the proxy during `work`, and the result of `work`.
    pub fn cost<T>(&self, work: impl FnOnce() -> T) -> (Duration, T) {
        let before = cpu::cpu_time(self.process.id());
        let result = work();
        (cpu::cpu_time(self.process.id()) - before, result)
    }

    /// Sends a request for a plain answer. Returns its duration.
    pub fn request(&self, connection: &mut Connection) -> Duration {
        let body = chat_body(None);
        let start = Instant::now();
        let status = connection.post(PATH, &self.headers(), &body, |_| {});
        assert_eq!(status.unwrap(), 200, "{}", self.name);
        start.elapsed()
    }

    /// Requests a stream with a chunk every millisecond.
    pub fn stream(&self, connection: &mut Connection) {
        let stream = StreamSpec { chunks: CHUNKS_PER_STREAM, pace_ms: Some(1), size: 8 };
        self.request_stream(connection, stream, |_| {});
    }

    /// Requests a short stream. Returns the time to its first chunk.
    pub fn first_token(&self, connection: &mut Connection) -> Duration {
        let stream = StreamSpec { chunks: 2, pace_ms: Some(0), size: 8 };
        let start = Instant::now();
        let mut first = None;
        self.request_stream(connection, stream, |_| {
            first.get_or_insert_with(|| start.elapsed());
        });
        first.unwrap_or_default()
    }

    /// Requests a stream of `mib` MiB in large chunks, without pauses.
    pub fn large_stream(&self, connection: &mut Connection, mib: usize) {
        let size = 1 << 15;
        let stream = StreamSpec { chunks: (mib << 20) / size, pace_ms: Some(0), size };
        self.request_stream(connection, stream, |_| {});
    }

    /// Opens streams that stay open after their first chunk.
    pub fn open_streams(&self, count: usize) -> Vec<Connection> {
        let stream = StreamSpec { chunks: 2, pace_ms: Some(3_600_000), size: 8 };
        let body = chat_body(Some(stream));
        let open = || {
            let mut connection = Connection::open(self.port).unwrap();
            let status = connection.open_stream(PATH, &self.headers(), &body);
            assert_eq!(status.unwrap(), 200, "{}", self.name);
            connection
        };
        (0..count).map(|_| open()).collect()
    }

    fn request_stream(
        &self,
        connection: &mut Connection,
        stream: StreamSpec,
        on_chunk: impl FnMut(&[u8]),
    ) {
        let status = connection.post(PATH, &self.headers(), &chat_body(Some(stream)), on_chunk);
        assert_eq!(status.unwrap(), 200, "{}", self.name);
    }

    fn headers(&self) -> Vec<(&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
}

/// The CPU of the proxies.
pub const PROXY_CPU: &str = "0";
/// The CPU of the clients and the upstream.
pub const CLIENT_CPU: &str = "1";
