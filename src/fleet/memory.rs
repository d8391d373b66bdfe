//! The deciding instance's copy of a rollout's records, and what it has changed in it.
//!
//! The ramp's worker runs on this copy as it runs on the shared data of one Envoy. Its writes are
//! collected, and committed to the fleet's store as one transaction.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use super::store::FleetRecord;
use crate::rollout::RolloutStore;
use crate::rollout::store::{Record, RecordRevision, StoreError, StoredRecord, WriteCondition};

/// The records of a ramp's worker that are one record of the fleet each, and that the page shows.
pub const SHOWN_RECORDS: [(Record, FleetRecord); 2] =
    [(Record::State, FleetRecord::State), (Record::Differences, FleetRecord::Differences)];

/// A copy of a rollout's records.
#[derive(Debug, Default)]
pub struct RecordMemory {
    records: RefCell<BTreeMap<Record, StoredRecord>>,
    changed: RefCell<BTreeSet<Record>>,
    queue: RefCell<Vec<Vec<u8>>>,
    writes: Cell<u64>,
}

/// The record of the fleet that a record of the ramp's worker is alone; `None` where it is a part of what is in
/// force, or of one Envoy only.
pub(super) fn fleet_record(record: Record) -> Option<FleetRecord> {
    match record {
        Record::State => Some(FleetRecord::State),
        Record::Differences => Some(FleetRecord::Differences),
        Record::SeenUnits { epoch, chunk } => Some(FleetRecord::SeenUnits { epoch, chunk }),
        Record::Lease
        | Record::Snapshot
        | Record::History
        | Record::LocalRollback
        | Record::OwnRollbackNoted => None,
    }
}

// === impl RecordMemory ===

impl RecordMemory {
    /// A copy of these records.
    pub fn new(records: impl IntoIterator<Item = (Record, Vec<u8>)>) -> Self {
        let memory = Self::default();
        for (record, value) in records {
            memory.put(record, value);
        }
        memory
    }

    /// The bytes of a record.
    pub fn get(&self, record: Record) -> Option<Vec<u8>> {
        self.records.borrow().get(&record).map(|it| it.value.clone())
    }

    /// Adds observations to what the ramp's worker takes next.
    pub fn queue_observations(&self, encoded: Vec<u8>) {
        self.queue.borrow_mut().push(encoded);
    }

    /// The records that have changed since the last call, with their bytes. A record that was emptied is forgotten.
    pub fn take_changes(&self) -> Vec<(Record, Vec<u8>)> {
        let changed = self.changed.take();
        let changes: Vec<_> =
            changed.into_iter().filter_map(|it| self.get(it).map(|value| (it, value))).collect();
        self.records.borrow_mut().retain(|_, stored| !stored.value.is_empty());
        changes
    }

    /// Marks all records as changed.
    pub fn mark_all_changed(&self) {
        self.changed.borrow_mut().extend(self.records.borrow().keys());
    }

    fn put(&self, record: Record, value: Vec<u8>) {
        self.writes.update(|count| count + 1);
        let revision = RecordRevision(self.writes.get());
        self.records.borrow_mut().insert(record, StoredRecord { value, revision });
    }
}

impl RolloutStore for RecordMemory {
    async fn read(&self, record: Record) -> Result<Option<StoredRecord>, StoreError> {
        Ok(self.records.borrow().get(&record).cloned())
    }

    async fn write(
        &self,
        record: Record,
        value: &[u8],
        condition: WriteCondition,
    ) -> Result<(), StoreError> {
        let found = self.records.borrow().get(&record).map(|it| it.revision);
        if !condition.holds(found) {
            return Err(StoreError::Conflict);
        }
        self.put(record, value.to_vec());
        self.changed.borrow_mut().insert(record);
        Ok(())
    }

    async fn append_observations(&self, encoded: &[u8]) -> Result<(), StoreError> {
        self.queue_observations(encoded.to_vec());
        Ok(())
    }

    async fn take_observations(&self) -> Vec<Vec<u8>> {
        self.queue.take()
    }
}
