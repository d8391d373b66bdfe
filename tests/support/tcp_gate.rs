//! A TCP proxy that a test opens, closes, stops, and has cut connections.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// What the gate does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// It passes everything on.
    Open,
    /// It resets its connections, and new ones.
    Closed,
    /// It passes nothing on, and keeps its connections.
    BlackHole,
}

#[derive(Clone, Copy, Debug)]
struct State {
    gate: Gate,
    /// How often the connections that were open then were stranded.
    strandings: u64,
}

/// A proxy before a server. It ends with this value, and with it all its connections.
pub struct TcpGate {
    pub port: u16,
    state: watch::Sender<State>,
    /// How many bytes of the server are passed on before a connection is cut.
    answer_limit: Arc<AtomicUsize>,
    _runtime: Runtime,
}

impl TcpGate {
    /// An open gate before the server at this port.
    pub fn before(server_port: u16) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap();
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (state, receiver) = watch::channel(State { gate: Gate::Open, strandings: 0 });
        let answer_limit = Arc::new(AtomicUsize::new(usize::MAX));
        runtime.spawn(accept(listener, server_port, receiver, Arc::clone(&answer_limit)));
        Self { port, state, answer_limit, _runtime: runtime }
    }

    /// Sets what the gate does, with open connections too.
    pub fn set(&self, gate: Gate) {
        self.state.send_modify(|state| state.gate = gate);
    }

    /// Passes nothing on in the connections that are open now, and keeps them, as a firewall does that
    /// has forgotten them. New ones are passed on.
    pub fn strand_connections(&self) {
        self.state.send_modify(|state| state.strandings += 1);
    }

    /// Has connections be cut after so many bytes from the server from now on, all together.
    pub fn cut_answers_after(&self, bytes: usize) {
        self.answer_limit.store(bytes, Ordering::SeqCst);
    }
}

async fn accept(
    listener: TcpListener,
    server_port: u16,
    state: watch::Receiver<State>,
    answer_limit: Arc<AtomicUsize>,
) -> Infallible {
    loop {
        // An error means that the client has gone already.
        let Ok((client, _)) = listener.accept().await else { continue };
        let (state, answer_limit) = (state.clone(), Arc::clone(&answer_limit));
        tokio::spawn(async move {
            // Connections end by errors.
            let _ = serve(client, server_port, state, &answer_limit).await;
        });
    }
}

async fn serve(
    client: TcpStream,
    server_port: u16,
    mut state: watch::Receiver<State>,
    answer_limit: &AtomicUsize,
) -> std::io::Result<()> {
    // Closing it sends a reset.
    client.set_zero_linger()?;
    let mut is_closed = state.clone();
    let strandings = state.borrow().strandings;
    let passed = async move {
        wait_until_open(&mut state, strandings).await;
        let server = TcpStream::connect(("127.0.0.1", server_port)).await?;
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let unlimited = AtomicUsize::new(usize::MAX);
        tokio::try_join!(
            pass(from_client, to_server, (state.clone(), strandings), &unlimited),
            pass(from_server, to_client, (state.clone(), strandings), answer_limit),
        )
    };
    tokio::select! {
        passed = passed => passed.map(drop),
        _ = is_closed.wait_for(|it| it.gate == Gate::Closed) => Ok(()),
    }
}

/// Waits while the gate is a black hole; forever if the connection was stranded since it was opened.
async fn wait_until_open(state: &mut watch::Receiver<State>, strandings: u64) {
    let is_open = |it: &State| it.gate != Gate::BlackHole && it.strandings == strandings;
    // An error means that the proxy ends.
    let _ = state.wait_for(is_open).await;
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    (mut state, strandings): (watch::Receiver<State>, u64),
    limit: &AtomicUsize,
) -> std::io::Result<()> {
    let mut buffer = [0; 16 * 1024];
    loop {
        let size = from.read(&mut buffer).await?;
        if size == 0 {
            return Err(std::io::ErrorKind::ConnectionReset.into());
        }
        wait_until_open(&mut state, strandings).await;
        let left = limit.load(Ordering::SeqCst);
        let passed = size.min(left);
        if left != usize::MAX {
            limit.store(left - passed, Ordering::SeqCst);
        }
        to.write_all(&buffer[..passed]).await?;
        if passed < size {
            return Err(std::io::ErrorKind::ConnectionReset.into());
        }
    }
}
