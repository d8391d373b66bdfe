//! The store of a rollout in Envoy's shared data, which completes each call at once.

use std::cell::OnceCell;

use super::hostcalls::{CasToken, SharedQueue, get_shared_data, set_shared_data};
use super::keys::{unversioned, versioned};
use crate::rollout::store::{
    Record, RecordRevision, RolloutStore, StoreError, StoredRecord, WriteCondition,
};

/// The store of one rollout.
pub struct SharedDataStore {
    rollout: String,
    /// The queue of observations, opened when it is first used; `None` where the host refuses it.
    queue: OnceCell<Option<SharedQueue>>,
}

// === impl SharedDataStore ===

impl SharedDataStore {
    /// The store of `rollout`.
    pub fn new(rollout: &str) -> Self {
        Self { rollout: rollout.to_owned(), queue: OnceCell::new() }
    }

    fn key(&self, record: Record) -> String {
        let key = if record.is_versioned() { versioned } else { unversioned };
        key(&self.rollout, &record.name())
    }

    fn queue(&self) -> Option<SharedQueue> {
        *self.queue.get_or_init(|| {
            let queue = SharedQueue::open(&versioned(&self.rollout, "observations"));
            let log_error = |error: &_| {
                let rollout = &self.rollout;
                log::error!(
                    "rollout {rollout}: this worker's responses are not analysed: the host answered \
                     {error:?}"
                );
            };
            queue.inspect_err(log_error).ok()
        })
    }
}

impl RolloutStore for SharedDataStore {
    async fn read(&self, record: Record) -> Result<Option<StoredRecord>, StoreError> {
        let found = get_shared_data(&self.key(record));
        Ok(found.map(|(value, cas)| StoredRecord { value, revision: RecordRevision(cas.number()) }))
    }

    async fn write(
        &self,
        record: Record,
        value: &[u8],
        condition: WriteCondition,
    ) -> Result<(), StoreError> {
        let cas = match condition {
            WriteCondition::Always => CasToken::ANY,
            WriteCondition::Absent => CasToken::ABSENT,
            WriteCondition::Unchanged(RecordRevision(number)) => CasToken::from_number(number),
        };
        set_shared_data(&self.key(record), value, cas).map_err(|error| {
            if error.is_cas_mismatch() { StoreError::Conflict } else { StoreError::Unavailable }
        })
    }

    async fn append_observations(&self, encoded: &[u8]) -> Result<(), StoreError> {
        let queue = self.queue().ok_or(StoreError::Unavailable)?;
        queue.push(encoded).map_err(|_| StoreError::Unavailable)
    }

    async fn take_observations(&self) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| self.queue()?.pop()).collect()
    }
}
