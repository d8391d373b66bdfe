//! What open gRPC streams have received.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

use super::super::host_error::HostError;
use super::hostcalls;
use crate::callout::Token;
use crate::fleet::etcd::{GrpcError, StreamEvent};

/// How many messages of a stream wait to be taken, and how many bytes they have. They are taken on each tick, so that
/// this limits a server that sends without end.
const MAX_MESSAGES: usize = 256;
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// The open streams of a root context.
#[derive(Default)]
pub struct Streams(RefCell<BTreeMap<Token, VecDeque<StreamEvent>>>);

// === impl Streams ===

impl Streams {
    /// Adds a stream that was opened.
    pub(super) fn add(&self, stream: Token) {
        self.0.borrow_mut().insert(stream, VecDeque::new());
    }

    /// Takes a message of a stream, of this size, which `read` returns. One that cannot be read, or for which there is
    /// no room, ends the stream.
    pub(super) fn receive(
        &self,
        stream: Token,
        size: usize,
        read: impl FnOnce() -> Result<Vec<u8>, HostError>,
    ) {
        const INTERNAL: u32 = 13;
        let mut streams = self.0.borrow_mut();
        let Some(events) = streams.get_mut(&stream) else { return };
        if matches!(events.back(), Some(StreamEvent::Closed(_))) {
            return;
        }
        let lost =
            |message: String| StreamEvent::Closed(GrpcError::Status { code: INTERNAL, message });
        let waiting: usize = events.iter().map(bytes_of).sum();
        let has_room = events.len() < MAX_MESSAGES && waiting.saturating_add(size) <= MAX_BYTES;
        let event = match has_room.then(read) {
            Some(Ok(message)) => StreamEvent::Message(message),
            Some(Err(error)) => lost(error.to_string()),
            None => lost(format!("{} messages of {waiting} bytes wait", events.len())),
        };
        events.push_back(event);
    }

    /// Takes that a stream has ended.
    pub(super) fn close(&self, stream: Token, status: GrpcError) {
        if let Some(events) = self.0.borrow_mut().get_mut(&stream) {
            events.push_back(StreamEvent::Closed(status));
        }
    }

    /// The next event of a stream.
    pub(super) fn take(&self, stream: Token) -> Option<StreamEvent> {
        self.0.borrow_mut().get_mut(&stream)?.pop_front()
    }

    /// Cancels a stream, and forgets it.
    pub(super) fn cancel(&self, stream: Token) {
        if self.0.borrow_mut().remove(&stream).is_some() {
            hostcalls::cancel_grpc(stream);
        }
    }

    /// Cancels all streams.
    pub(super) fn cancel_all(&self) {
        let streams = self.0.take();
        streams.into_keys().for_each(hostcalls::cancel_grpc);
    }
}

fn bytes_of(event: &StreamEvent) -> usize {
    match event {
        StreamEvent::Message(message) => message.len(),
        StreamEvent::Closed(_) => 0,
    }
}
