//! The stream of a watch: opened, kept alive, and opened again after it has ended.

use std::cell::Cell;

use super::grpc::{GrpcError, GrpcMethod};
use super::watch::Watch;
use crate::callout::Token;

/// How long the stream stays closed after its first failure; twice as long after each one more.
const FIRST_PAUSE_MS: u64 = 500;

/// How long it stays closed at most.
const LONGEST_PAUSE_MS: u64 = 16_000;

/// gRPC streams of a host.
pub trait GrpcStreams {
    /// Opens a stream.
    ///
    /// # Errors
    /// That the host does not open it.
    fn open(&self, method: GrpcMethod) -> Result<Token, GrpcError>;

    /// Sends a message on a stream.
    ///
    /// # Errors
    /// That the stream has ended.
    fn send(&self, stream: Token, message: &[u8]) -> Result<(), GrpcError>;

    /// What a stream has received, one event a call.
    fn take(&self, stream: Token) -> Option<StreamEvent>;

    /// Ends a stream. Nothing is received from it any more.
    fn cancel(&self, stream: Token);
}

/// What a stream receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamEvent {
    /// A message.
    Message(Vec<u8>),
    /// Its end, and why.
    Closed(GrpcError),
}

/// The stream of a watch, at most one.
pub struct WatchStream<S: GrpcStreams> {
    streams: S,
    open: Cell<Option<Token>>,
    /// How often the stream has ended since etcd has last confirmed a watch.
    failures: Cell<u32>,
    closed_until_ms: Cell<u64>,
}

// === impl WatchStream ===

impl<S: GrpcStreams> WatchStream<S> {
    /// A closed stream.
    pub fn new(streams: S) -> Self {
        let (open, failures, closed_until_ms) = Default::default();
        Self { streams, open, failures, closed_until_ms }
    }

    /// Does what there is to do at a time of the monotonic clock: opens the stream, passes what it has
    /// received to the watch, and sends what the watch wants to send.
    ///
    /// # Errors
    /// A message: why the stream has ended, or could not be opened. It is opened again by a later call.
    pub fn drive(&self, watch: &Watch, now_ms: u64) -> Result<(), String> {
        if self.open.get().is_none() && now_ms < self.closed_until_ms.get() {
            return Ok(());
        }
        let driven = self.try_drive(watch, now_ms);
        if watch.is_established() {
            self.failures.set(0);
        }
        driven.inspect_err(|_| self.close(now_ms))
    }

    /// Closes the stream while another worker talks to the store. What it has delivered and nobody has taken is
    /// forgotten: it is old once this worker talks to the store again.
    pub fn rest(&self, watch: &Watch) {
        self.cancel();
        watch.forget_pushed();
    }

    fn try_drive(&self, watch: &Watch, now_ms: u64) -> Result<(), String> {
        let stream = match self.open.get() {
            Some(stream) => stream,
            None => {
                let stream = self.streams.open(GrpcMethod::WATCH).map_err(|it| it.to_string())?;
                self.open.set(Some(stream));
                self.send(stream, &watch.open(now_ms))?;
                stream
            }
        };
        while let Some(event) = self.streams.take(stream) {
            match event {
                StreamEvent::Message(message) => {
                    watch.receive(&message, now_ms).map_err(|it| it.to_string())?;
                }
                StreamEvent::Closed(status) => return Err(status.to_string()),
            }
        }
        match watch.next_message(now_ms).map_err(|it| it.to_string())? {
            Some(message) => self.send(stream, &message),
            None => Ok(()),
        }
    }

    fn send(&self, stream: Token, message: &[u8]) -> Result<(), String> {
        self.streams.send(stream, message).map_err(|it| it.to_string())
    }

    fn close(&self, now_ms: u64) {
        self.cancel();
        let failures = self.failures.get();
        let pause_ms = FIRST_PAUSE_MS.saturating_mul(1 << failures.min(10)).min(LONGEST_PAUSE_MS);
        self.failures.set(failures.saturating_add(1));
        self.closed_until_ms.set(now_ms.saturating_add(pause_ms));
    }

    fn cancel(&self) {
        if let Some(stream) = self.open.take() {
            self.streams.cancel(stream);
        }
    }
}

impl<S: GrpcStreams> Drop for WatchStream<S> {
    fn drop(&mut self) {
        self.cancel();
    }
}
