//! Changes of one key that etcd sends by itself.
//!
//! The host opens a stream of [`GrpcMethod::WATCH`](super::GrpcMethod::WATCH), sends the message of
//! [`Watch::open`], passes on what it receives, and asks [`Watch::next_message`] from time to time. After
//! an error, or where the stream has ended, it opens another one.

use std::cell::{Cell, RefCell};
use std::fmt;

use prost::Message as _;

use super::super::store::{FoundRecord, Revision};
use super::message::{
    Event, WatchCreateRequest, WatchProgressRequest, WatchRequest, WatchRequestKind, WatchResponse,
};

/// After this time without a message etcd is asked for one.
const QUIET_MS: u64 = 5_000;

/// After this time without a message the stream is taken for dead.
const DEAD_MS: u64 = 15_000;

/// The watch of a key.
#[derive(Debug, Default)]
pub struct Watch {
    key: Vec<u8>,
    /// The newest revision of the key that is known; 0 where there is no such revision.
    known: Cell<i64>,
    pushed: RefCell<Option<FoundRecord>>,
    last_received_ms: Cell<u64>,
    last_asked_ms: Cell<u64>,
    is_established: Cell<bool>,
}

/// Why a stream is of no more use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchError {
    /// etcd has ended the watch, for this reason.
    Canceled(String),
    /// etcd has not sent anything for this many milliseconds.
    Silent(u64),
    /// A message is not one of etcd's.
    Unreadable(String),
}

// === impl Watch ===

impl Watch {
    /// The watch of a key.
    pub fn new(key: Vec<u8>) -> Self {
        Self { key, ..Self::default() }
    }

    /// The first message of a new stream, at a time of the monotonic clock.
    pub fn open(&self, now_ms: u64) -> Vec<u8> {
        self.is_established.set(false);
        self.last_received_ms.set(now_ms);
        self.last_asked_ms.set(now_ms);
        let known = self.known.get();
        let start_revision = if known == 0 { 0 } else { known.saturating_add(1) };
        let create = WatchCreateRequest { key: self.key.clone(), start_revision };
        encode(WatchRequestKind::Create(create))
    }

    /// Takes a message of the stream.
    ///
    /// # Errors
    /// [`WatchError::Canceled`] where it ends the watch, [`WatchError::Unreadable`] where it is not one
    /// of a watch.
    pub fn receive(&self, message: &[u8], now_ms: u64) -> Result<(), WatchError> {
        let response = WatchResponse::decode(message)
            .map_err(|error| WatchError::Unreadable(error.to_string()))?;
        if response.header.is_none() {
            return Err(WatchError::Unreadable("the message has no header".to_owned()));
        }
        self.last_received_ms.set(now_ms);
        if response.canceled || response.compact_revision != 0 {
            // The changes before are not to be had any more; the newest is one of those after.
            self.known.update(|known| known.max(response.compact_revision.saturating_sub(1)));
            return Err(WatchError::Canceled(cancel_reason(response)));
        }
        self.is_established.update(|it| it || response.created);
        response.events.into_iter().try_for_each(|event| self.take_event(event))
    }

    fn take_event(&self, event: Event) -> Result<(), WatchError> {
        /// Source: `Event.EventType` in `kv.proto`.
        const PUT: i32 = 0;
        let kv =
            event.kv.filter(|kv| kv.key == self.key && kv.mod_revision > 0).ok_or_else(|| {
                WatchError::Unreadable(
                    "the message has an event without the watched key".to_owned(),
                )
            })?;
        if kv.mod_revision > self.known.get() {
            self.known.set(kv.mod_revision);
            let revision = Revision(kv.mod_revision.cast_unsigned());
            let found = (event.kind == PUT).then_some(FoundRecord { value: kv.value, revision });
            self.pushed.replace(found);
        }
        Ok(())
    }

    /// A message to send, if it is time for one: where etcd has been quiet, it is asked how far the
    /// watch is.
    ///
    /// # Errors
    /// [`WatchError::Silent`] where etcd does not answer.
    pub fn next_message(&self, now_ms: u64) -> Result<Option<Vec<u8>>, WatchError> {
        let quiet_ms = now_ms.saturating_sub(self.last_received_ms.get());
        if quiet_ms >= DEAD_MS {
            return Err(WatchError::Silent(quiet_ms));
        }
        let asked_before_ms = now_ms.saturating_sub(self.last_asked_ms.get());
        if quiet_ms < QUIET_MS || asked_before_ms < QUIET_MS {
            return Ok(None);
        }
        self.last_asked_ms.set(now_ms);
        Ok(Some(encode(WatchRequestKind::Progress(WatchProgressRequest {}))))
    }

    /// The newest value that was sent since the last call.
    pub fn take_pushed(&self) -> Option<FoundRecord> {
        self.pushed.take()
    }

    /// Forgets what was sent and not taken: nothing is received for a while. A new stream begins after it.
    pub fn forget_pushed(&self) {
        self.is_established.set(false);
        self.pushed.take();
    }

    /// Whether etcd has confirmed the watch of the stream.
    pub fn is_established(&self) -> bool {
        self.is_established.get()
    }

    /// Takes a revision of the key that was read or written: older ones need not be sent.
    pub fn skip_to(&self, revision: Revision) {
        self.pushed.borrow_mut().take_if(|it| it.revision <= revision);
        let revision = i64::try_from(revision.0).unwrap_or_default();
        self.known.update(|known| known.max(revision));
    }

    /// Forgets which revisions are known: etcd was replaced.
    pub fn restart(&self) {
        self.known.set(0);
        self.pushed.take();
        // The stream, if there is one, is on a revision that the new etcd may never reach.
        self.last_received_ms.set(0);
    }
}

fn encode(request: WatchRequestKind) -> Vec<u8> {
    WatchRequest { request: Some(request) }.encode_to_vec()
}

fn cancel_reason(response: WatchResponse) -> String {
    match (response.cancel_reason.is_empty(), response.compact_revision) {
        (false, _) => response.cancel_reason,
        (true, 0) => "etcd has given no reason".to_owned(),
        (true, revision) => format!("changes before revision {revision} are compacted"),
    }
}

// === impl WatchError ===

impl fmt::Display for WatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Canceled(why) => write!(f, "etcd has ended the watch: {why}"),
            Self::Silent(ms) => write!(f, "etcd has sent nothing on the watch for {ms} ms"),
            Self::Unreadable(why) => write!(f, "the watch has sent an unreadable message: {why}"),
        }
    }
}

impl std::error::Error for WatchError {}
