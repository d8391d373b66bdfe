//! The store that workers share a rollout through.
//!
//! A store keeps small records, each with a revision, and a queue of observations. Shared data of
//! an Envoy process answers at once; etcd or the Kubernetes API answer in a later callback.
//! So each call returns a future. A host that answers at once polls it with [`poll_once`]. Another
//! one keeps the future and polls it again in each callback; nothing else wakes it.
//!
//! ```
//! use verdigris::rollout::store::{Record, RolloutStore, StoredRecord, WriteCondition, poll_once};
//!
//! /// Increments a counter, if no other worker writes in between.
//! async fn increment(store: &impl RolloutStore) -> bool {
//!     let Ok(found) = store.read(Record::State).await else { return false };
//!     let condition = WriteCondition::unchanged(found.as_ref());
//!     let count = found.and_then(|it| it.value.first().copied()).unwrap_or_default();
//!     store.write(Record::State, &[count + 1], condition).await.is_ok()
//! }
//! ```

use std::borrow::Cow;
use std::fmt;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::assignment::Epoch;

/// The version of what is stored; raised whenever its form changes. Filters of two versions keep apart,
/// so that neither reads what it would misunderstand.
pub const STATE_VERSION: u32 = 13;

/// The store of one rollout.
pub trait RolloutStore {
    /// Reads a record. `None` where it was never written.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where the store does not answer.
    fn read(
        &self,
        record: Record,
    ) -> impl Future<Output = Result<Option<StoredRecord>, StoreError>>;

    /// Writes a record, if the condition holds: a compare-and-swap.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where the condition does not hold; [`StoreError::Unavailable`]
    /// where the store does not answer or accept the value.
    fn write(
        &self,
        record: Record,
        value: &[u8],
        condition: WriteCondition,
    ) -> impl Future<Output = Result<(), StoreError>>;

    /// Appends encoded observations to the queue, for the leader.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where the store does not accept them.
    fn append_observations(&self, encoded: &[u8]) -> impl Future<Output = Result<(), StoreError>>;

    /// Takes everything out of the queue, one element for each append. What cannot be taken
    /// stays in the queue.
    fn take_observations(&self) -> impl Future<Output = Vec<Vec<u8>>>;
}

/// A record of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Record {
    /// Which worker leads: a [`Lease`](super::lease::Lease).
    Lease,
    /// The [`RampState`](super::RampState).
    State,
    /// The [`Snapshot`](super::Snapshot) in force, with the state's revision.
    Snapshot,
    /// The [`ShareHistory`](crate::assignment::ShareHistory).
    History,
    /// The [`DifferenceHistory`](super::DifferenceHistory).
    Differences,
    /// A part of the log of seen units; see [`SeenUnitsLog`](super::seen_units_log::SeenUnitsLog).
    SeenUnits {
        /// The epoch in which the units were seen.
        epoch: Epoch,
        /// The index of the chunk.
        chunk: usize,
    },
    /// The rollback that an Envoy of a fleet has made by itself; no bytes where there is none.
    LocalRollback,
    /// The revision of the state of this Envoy's own ramp, whose rollback the fleet has taken note of.
    OwnRollbackNoted,
}

/// A record as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    /// The record's bytes.
    pub value: Vec<u8>,
    /// The record's revision.
    pub revision: RecordRevision,
}

/// The revision of a record. Each write changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordRevision(pub u64);

/// When a write takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteCondition {
    /// Always.
    Always,
    /// If the record does not exist.
    Absent,
    /// If the record still has this revision.
    Unchanged(RecordRevision),
}

/// Why a store did not do what it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// Another worker has written the record since it was read.
    Conflict,
    /// The store did not answer, or did not accept the value.
    Unavailable,
}

/// What [`update`] does with the value it found.
#[derive(Debug)]
pub enum Update<T, R> {
    /// Write this value. The result is returned once it is written.
    Write(T, R),
    /// Write nothing, and return this result.
    Keep(R),
}

/// How often an update is tried when other workers write in between.
const MAX_TRIES: usize = 4;

// === impl Record ===

impl Record {
    /// The record's name, the last part of its key.
    pub fn name(self) -> Cow<'static, str> {
        match self {
            Self::Lease => "lease".into(),
            Self::State => "state".into(),
            Self::Snapshot => "in_force".into(),
            Self::History => "history".into(),
            Self::Differences => "differences".into(),
            Self::SeenUnits { epoch, chunk } => format!("units.{epoch}.{chunk}").into(),
            Self::LocalRollback => "local_rollback".into(),
            Self::OwnRollbackNoted => "own_rollback_noted".into(),
        }
    }

    /// Whether the record's form depends on the version of the filter. Workers of two versions
    /// have one lease, and separate records of each other kind.
    pub fn is_versioned(self) -> bool {
        self != Self::Lease
    }
}

// === impl WriteCondition ===

impl WriteCondition {
    /// The condition that a record is as it was read, or still does not exist.
    pub fn unchanged(found: Option<&StoredRecord>) -> Self {
        found.map_or(Self::Absent, |it| Self::Unchanged(it.revision))
    }

    /// Whether the condition holds where the record has this revision, or does not exist.
    pub fn holds(self, found: Option<RecordRevision>) -> bool {
        match self {
            Self::Always => true,
            Self::Absent => found.is_none(),
            Self::Unchanged(revision) => found == Some(revision),
        }
    }
}

// === impl StoreError ===

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Conflict => "another worker has written the record",
            Self::Unavailable => "the store is not available",
        })
    }
}

impl std::error::Error for StoreError {}

/// Reads a record and decodes it. `None` where it does not exist, or cannot be decoded.
///
/// # Errors
/// [`StoreError::Unavailable`] where the store does not answer.
pub async fn read_decoded<T: DeserializeOwned>(
    store: &impl RolloutStore,
    record: Record,
) -> Result<Option<T>, StoreError> {
    Ok(store.read(record).await?.and_then(|it| postcard::from_bytes(&it.value).ok()))
}

/// Encodes a value and writes it, whatever the record is.
///
/// # Errors
/// [`StoreError::Unavailable`] where the store does not answer or accept the value.
pub async fn write_encoded(
    store: &impl RolloutStore,
    record: Record,
    value: &impl Serialize,
) -> Result<(), StoreError> {
    let bytes = postcard::to_allocvec(value).map_err(|_| StoreError::Unavailable)?;
    store.write(record, &bytes, WriteCondition::Always).await
}

/// Changes a record with `change`, which is called again after each conflict. `change` gets
/// `None` where the record does not exist, or cannot be decoded.
///
/// # Errors
/// The error of `change`; [`StoreError::Conflict`] where other workers were faster each time;
/// [`StoreError::Unavailable`] where the store does not answer.
pub async fn update<T, R, E>(
    store: &impl RolloutStore,
    record: Record,
    mut change: impl FnMut(Option<T>) -> Result<Update<T, R>, E>,
) -> Result<R, E>
where
    T: Serialize + DeserializeOwned,
    E: From<StoreError>,
{
    let mut error = StoreError::Conflict;
    for _ in 0..MAX_TRIES {
        let found = store.read(record).await?;
        let condition = WriteCondition::unchanged(found.as_ref());
        let decoded = found.and_then(|it| postcard::from_bytes(&it.value).ok());
        let (value, result) = match change(decoded)? {
            Update::Write(value, result) => (value, result),
            Update::Keep(result) => return Ok(result),
        };
        let bytes = postcard::to_allocvec(&value).map_err(|_| StoreError::Unavailable)?;
        match store.write(record, &bytes, condition).await {
            Ok(()) => return Ok(result),
            Err(failed) => error = failed,
        }
    }
    Err(error.into())
}

/// Polls a future once. `None` if it has not completed, which does not happen with a store that
/// answers at once.
pub fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
