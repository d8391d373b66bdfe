//! A running proxy that is measured.

use std::time::{Duration, Instant};

use crate::contestant::Contestant;
use crate::cpu;
use crate::gateway::Gateway;
use crate::http::{Connection, Streamed, chat};
use crate::process::Process;

pub const PATH: &str = "/v1/chat/completions";

/// How many chunks a stream has.
pub const CHUNKS_OF_A_STREAM: usize = 200;

pub struct Target {
    pub name: String,
    pub port: u16,
    /// What each request carries.
    pub headers: Vec<(String, String)>,
    pub process: Process,
    /// Where it runs; gone with it.
    pub _folder: tempfile::TempDir,
}

// === impl Target ===

impl Target {
    /// An Envoy of its own for this contestant.
    pub fn envoy(contestant: Contestant, upstream: u16) -> Self {
        let Gateway { process, folder, ports, .. } =
            Gateway::start(&[contestant], upstream, &["taskset", "--cpu-list", PROXY_CPU]);
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

    /// The time on a CPU that `work` has cost the proxy.
    pub fn cost<T>(&self, work: impl FnOnce() -> T) -> (Duration, T) {
        let before = cpu::time(self.process.id());
        let done = work();
        (cpu::time(self.process.id()) - before, done)
    }

    /// Has a plain request answered; the time that it takes.
    pub fn request(&self, connection: &mut Connection) -> Duration {
        let body = chat(None);
        let start = Instant::now();
        let status = connection.post(PATH, &self.headers(), &body, |_| {});
        assert_eq!(status.unwrap(), 200, "{}", self.name);
        start.elapsed()
    }

    /// Has a stream pass whose chunks come a millisecond apart; the time to the first.
    pub fn stream(&self, connection: &mut Connection) -> Duration {
        let streamed = Streamed { chunks: CHUNKS_OF_A_STREAM, pace: Some(1), size: 8 };
        let start = Instant::now();
        let mut first = None;
        self.ask(connection, streamed, |_| {
            first.get_or_insert_with(|| start.elapsed());
        });
        first.unwrap_or_default()
    }

    /// Has a stream of `mib` MiB pass, as fast as it goes, in large chunks.
    pub fn large_stream(&self, connection: &mut Connection, mib: usize) {
        let size = 1 << 15;
        let streamed = Streamed { chunks: (mib << 20) / size, pace: Some(0), size };
        self.ask(connection, streamed, |_| {});
    }

    /// Opens streams that stay open after their first chunk.
    pub fn open_streams(&self, count: usize) -> Vec<Connection> {
        let streamed = Streamed { chunks: 2, pace: Some(3_600_000), size: 8 };
        let body = chat(Some(streamed));
        let open = || {
            let mut connection = Connection::open(self.port).unwrap();
            let status = connection.open_stream(PATH, &self.headers(), &body);
            assert_eq!(status.unwrap(), 200, "{}", self.name);
            connection
        };
        (0..count).map(|_| open()).collect()
    }

    fn ask(&self, connection: &mut Connection, streamed: Streamed, piece: impl FnMut(&[u8])) {
        let status = connection.post(PATH, &self.headers(), &chat(Some(streamed)), piece);
        assert_eq!(status.unwrap(), 200, "{}", self.name);
    }

    fn headers(&self) -> Vec<(&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
}

/// The CPU that proxies are pinned to, where there are two.
pub const PROXY_CPU: &str = "0";
/// The CPU of clients and upstream.
pub const CLIENT_CPU: &str = "1";
