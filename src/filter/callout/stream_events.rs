//! What open gRPC streams have received.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

use super::super::host_error::HostError;
use super::hostcalls;
use crate::callout::Token;
use crate::fleet::etcd::{GrpcError, StreamEvent};

/// How many messages of a stream wait to be taken. They are taken in the callback that brings them,
/// so that this limits a server that sends without end.
const MAX_MESSAGES: usize = 256;

/// The open streams of a root context.
#[derive(Default)]
pub struct Streams(RefCell<BTreeMap<Token, VecDeque<StreamEvent>>>);

// === impl Streams ===

impl Streams {
    /// Adds a stream that was opened.
    pub(super) fn add(&self, stream: Token) {
        self.0.borrow_mut().insert(stream, VecDeque::new());
    }

    /// Takes a message of a stream. One that cannot be read, or is one too many, ends the stream.
    pub(super) fn receive(&self, stream: Token, message: Result<Vec<u8>, HostError>) {
        const INTERNAL: u32 = 13;
        let mut streams = self.0.borrow_mut();
        let Some(events) = streams.get_mut(&stream) else { return };
        if events.len() > MAX_MESSAGES {
            return;
        }
        let lost =
            |message: String| StreamEvent::Closed(GrpcError::Status { code: INTERNAL, message });
        let event = match message {
            Ok(message) if events.len() < MAX_MESSAGES => StreamEvent::Message(message),
            Ok(_) => lost(format!("{MAX_MESSAGES} messages wait")),
            Err(error) => lost(error.to_string()),
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
