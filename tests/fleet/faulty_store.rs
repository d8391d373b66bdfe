//! A fleet's store in memory, whose network loses, delays and repeats what is sent.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::test_store::TestStore;
use verdigris::fleet::{
    FleetRecord, FleetStore, Folder, FoundRecord, Listing, Revision, StoreError, Transaction,
};

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is answered.
    Answered,
    /// It never arrives, and the caller learns so.
    Refused,
    /// It never arrives, and the caller does not learn whether it has.
    Lost,
    /// It takes effect, and the answer is lost.
    AnswerLost,
    /// The answer is lost, and a write takes effect later, if its guards hold then.
    Delayed,
    /// It arrives twice, and the caller gets the first answer.
    Repeated,
}

/// The store. Clones are the same store.
#[derive(Clone, Default)]
pub struct FaultyStore(Rc<Inner>);

#[derive(Default)]
struct Inner {
    records: RefCell<BTreeMap<FleetRecord, FoundRecord>>,
    revision: Cell<u64>,
    delayed: RefCell<Vec<Transaction>>,
    /// Draws the fate of the next call.
    fate: RefCell<Option<Box<dyn FnMut() -> Fate>>>,
    is_down: Cell<bool>,
    calls: Cell<(u64, u64, u64)>,
}

// === impl FaultyStore ===

impl FaultyStore {
    fn apply(&self, transaction: &Transaction) -> Result<Revision, StoreError> {
        let mut records = self.0.records.borrow_mut();
        let holds = |(record, revision): &(FleetRecord, Option<Revision>)| {
            records.get(record).map(|it| it.revision) == *revision
        };
        if !transaction.guards.iter().all(holds) {
            return Err(StoreError::Conflict);
        }
        self.0.revision.set(self.0.revision.get() + 1);
        let revision = Revision(self.0.revision.get());
        for (record, value) in &transaction.puts {
            records.insert(record.clone(), FoundRecord { value: value.clone(), revision });
        }
        for record in &transaction.deletes {
            records.remove(record);
        }
        Ok(revision)
    }

    fn count(&self, calls: u64, sent: usize, received: usize) {
        let (sent, received) = (sent as u64, received as u64);
        self.0.calls.update(|(c, s, r)| (c + calls, s + sent, r + received));
    }

    /// The fate of a call, before which other instances may run.
    async fn arrive(&self) -> Fate {
        PendingOnce(false).await;
        self.count(1, 0, 0);
        if self.0.is_down.get() {
            return Fate::Refused;
        }
        self.0.fate.borrow_mut().as_mut().map_or(Fate::Answered, |fate| fate())
    }

    async fn answer<T>(&self, fate: Fate, result: T) -> Result<T, StoreError> {
        PendingOnce(false).await;
        match fate {
            Fate::Answered | Fate::Repeated => Ok(result),
            Fate::Refused => Err(StoreError::Failed("refused".into())),
            Fate::Lost | Fate::AnswerLost | Fate::Delayed => {
                Err(StoreError::Unknown("no answer".into()))
            }
        }
    }
}

impl TestStore for FaultyStore {
    type Client = Self;
    type Backup = (BTreeMap<FleetRecord, FoundRecord>, u64);

    fn client(&self) -> Rc<Self> {
        Rc::new(self.clone())
    }

    fn with_fates(&self, fate: impl FnMut() -> Fate + 'static) {
        self.0.fate.replace(Some(Box::new(fate)));
    }

    fn heal(&self) {
        self.0.fate.take();
        self.0.is_down.set(false);
    }

    fn go_down(&self) {
        self.0.is_down.set(true);
    }

    fn deliver_delayed(&self, index: usize) {
        let mut delayed = self.0.delayed.borrow_mut();
        if delayed.is_empty() {
            return;
        }
        let index = index % delayed.len();
        let transaction = delayed.remove(index);
        drop(delayed);
        let _ = self.apply(&transaction);
    }

    fn wipe(&self) {
        self.0.records.borrow_mut().clear();
        self.0.delayed.borrow_mut().clear();
        self.0.revision.set(0);
    }

    fn backup(&self) -> Self::Backup {
        (self.0.records.borrow().clone(), self.0.revision.get())
    }

    fn restore(&self, (records, revision): Self::Backup) {
        self.0.records.replace(records);
        self.0.revision.set(revision);
    }

    fn take_calls(&self) -> (u64, u64, u64) {
        self.0.calls.take()
    }

    fn get(&self, record: &FleetRecord) -> Option<Vec<u8>> {
        self.0.records.borrow().get(record).map(|it| it.value.clone())
    }

    fn put(&self, record: FleetRecord, value: Vec<u8>) {
        let puts = vec![(record, value)];
        self.apply(&Transaction { puts, ..Transaction::default() }).unwrap();
    }
}

impl FleetStore for FaultyStore {
    async fn read(&self, record: &FleetRecord) -> Result<Option<FoundRecord>, StoreError> {
        let fate = self.arrive().await;
        let found = self.0.records.borrow().get(record).cloned();
        self.count(0, 0, found.as_ref().map_or(0, |it| it.value.len()));
        self.answer(fate, found).await
    }

    async fn list(&self, folder: Folder, after: Revision) -> Result<Listing, StoreError> {
        let fate = self.arrive().await;
        let is_in_folder = |record: &FleetRecord| match folder {
            Folder::Outboxes => matches!(record, FleetRecord::Outbox(_)),
            Folder::SeenUnits => matches!(record, FleetRecord::SeenUnits { .. }),
        };
        let listing = {
            let records = self.0.records.borrow();
            let is_newer =
                |it: &(&FleetRecord, &FoundRecord)| is_in_folder(it.0) && it.1.revision > after;
            let newer = records.iter().filter(is_newer);
            let records = newer.map(|(it, found)| (it.clone(), found.clone())).collect();
            Listing { records, revision: Revision(self.0.revision.get()) }
        };
        self.count(0, 0, listing.records.iter().map(|(_, it)| it.value.len()).sum());
        self.answer(fate, listing).await
    }

    async fn commit(&self, transaction: Transaction) -> Result<Revision, StoreError> {
        let fate = self.arrive().await;
        self.count(0, transaction.puts.iter().map(|(_, value)| value.len()).sum(), 0);
        let result = match fate {
            Fate::Answered | Fate::AnswerLost => self.apply(&transaction),
            Fate::Repeated => {
                let first = self.apply(&transaction);
                let _ = self.apply(&transaction);
                first
            }
            Fate::Refused | Fate::Lost => Ok(Revision(0)),
            Fate::Delayed => {
                self.0.delayed.borrow_mut().push(transaction);
                Ok(Revision(0))
            }
        };
        self.answer(fate, result).await?
    }
}

/// Is pending when it is polled first.
pub struct PendingOnce(pub bool);

impl Future for PendingOnce {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        match std::mem::replace(&mut self.0, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}
