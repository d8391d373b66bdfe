//! A store in memory that can fail, answer late, and let another worker write first.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use super::pending_once::PendingOnce;
use verdigris::rollout::RolloutStore;
use verdigris::rollout::store::{Record, RecordRevision, StoreError, StoredRecord, WriteCondition};

/// Called once before a write of the record.
type BeforeWrite = (Record, Box<dyn FnOnce(&MemoryStore)>);

#[derive(Default)]
pub struct MemoryStore {
    records: RefCell<HashMap<Record, StoredRecord>>,
    queue: RefCell<VecDeque<Vec<u8>>>,
    revision: Cell<u64>,
    before_write: RefCell<Option<BeforeWrite>>,
    /// Whether no call succeeds.
    pub is_down: Cell<bool>,
    /// How often each answer is polled in vain.
    pub latency: Cell<usize>,
}

impl MemoryStore {
    /// Calls `other` once, before the next write of the record: another worker is faster.
    pub fn before_write(&self, record: Record, other: impl FnOnce(&Self) + 'static) {
        self.before_write.replace(Some((record, Box::new(other))));
    }

    /// Writes a record as another worker does.
    pub fn put(&self, record: Record, value: &[u8]) {
        self.revision.set(self.revision.get() + 1);
        let revision = RecordRevision(self.revision.get());
        self.records.borrow_mut().insert(record, StoredRecord { value: value.into(), revision });
    }

    /// The bytes of a record.
    pub fn get(&self, record: Record) -> Option<Vec<u8>> {
        self.records.borrow().get(&record).map(|it| it.value.clone())
    }

    /// The revision of a record.
    pub fn revision(&self, record: Record) -> Option<RecordRevision> {
        self.records.borrow().get(&record).map(|it| it.revision)
    }

    /// Everything in the queue.
    pub fn queue(&self) -> Vec<Vec<u8>> {
        self.queue.borrow().iter().cloned().collect()
    }

    async fn answer(&self) -> Result<(), StoreError> {
        for _ in 0..self.latency.get() {
            PendingOnce::default().await;
        }
        if self.is_down.get() { Err(StoreError::Unavailable) } else { Ok(()) }
    }
}

impl RolloutStore for MemoryStore {
    async fn read(&self, record: Record) -> Result<Option<StoredRecord>, StoreError> {
        self.answer().await?;
        Ok(self.records.borrow().get(&record).cloned())
    }

    async fn write(
        &self,
        record: Record,
        value: &[u8],
        condition: WriteCondition,
    ) -> Result<(), StoreError> {
        self.answer().await?;
        let is_due = self.before_write.borrow().as_ref().is_some_and(|(it, _)| *it == record);
        if is_due && let Some((_, other)) = self.before_write.take() {
            other(self);
        }
        let found = self.records.borrow().get(&record).map(|it| it.revision);
        if !condition.holds(found) {
            return Err(StoreError::Conflict);
        }
        self.put(record, value);
        Ok(())
    }

    async fn append_observations(&self, encoded: &[u8]) -> Result<(), StoreError> {
        self.answer().await?;
        self.queue.borrow_mut().push_back(encoded.to_vec());
        Ok(())
    }

    async fn take_observations(&self) -> Vec<Vec<u8>> {
        match self.answer().await {
            Ok(()) => self.queue.borrow_mut().drain(..).collect(),
            Err(_) => Vec::new(),
        }
    }
}

/// Polls a future until it completes.
pub fn complete<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = poll(future.as_mut()) {
            return output;
        }
    }
}

pub fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}
