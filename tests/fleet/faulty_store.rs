//! A fleet's store in memory, whose network loses, delays and repeats what is sent.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use verdigris::fleet::etcd::Keys;
use verdigris::fleet::etcd::transaction::encode;

use super::network::{Call, Fate, Network};
use super::pending_once::PendingOnce;
use super::test_store::TestStore;
use verdigris::fleet::{
    FleetRecord, FleetStore, Folder, FoundRecord, Listing, Revision, StoreError, Transaction,
};

/// The store. Clones are the same store.
#[derive(Clone, Default)]
pub struct FaultyStore(Rc<Inner>);

#[derive(Default)]
struct Inner {
    records: RefCell<BTreeMap<FleetRecord, FoundRecord>>,
    revision: Cell<u64>,
    network: Network<Transaction>,
    /// What a watch delivers next.
    pushed: RefCell<Option<FoundRecord>>,
}

// === impl FaultyStore ===

impl FaultyStore {
    /// A record as it is now.
    pub fn found(&self, record: &FleetRecord) -> Option<FoundRecord> {
        self.0.records.borrow().get(record).cloned()
    }

    /// A watch delivers this to the instance that asks next.
    pub fn push(&self, found: FoundRecord) {
        self.0.pushed.replace(Some(found));
    }

    fn apply(&self, transaction: &Transaction) -> Result<Revision, StoreError> {
        let mut records = self.0.records.borrow_mut();
        let holds = |(record, revision): &(FleetRecord, Option<Revision>)| {
            records.get(record).map(|it| it.revision) == *revision
        };
        let is_old = |record: &FleetRecord| {
            let written_at = records.get(record).map(|it| it.revision);
            transaction.deletes_up_to.is_none_or(|up_to| written_at <= Some(up_to))
        };
        if !transaction.guards.iter().all(holds) || !transaction.deletes.iter().all(is_old) {
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

    /// The fate of a call, before which other instances may run.
    async fn arrive(&self, call: Call) -> Fate {
        PendingOnce::default().await;
        self.0.network.count(1, 0, 0);
        self.0.network.draw(call)
    }

    async fn answer<T>(&self, fate: Fate, result: T) -> Result<T, StoreError> {
        PendingOnce::default().await;
        match fate {
            Fate::Answered | Fate::Repeated | Fate::RepeatedLate => Ok(result),
            Fate::Refused => Err(StoreError::Failed("refused".into())),
            Fate::Lost | Fate::AnswerLost | Fate::Delayed => {
                Err(StoreError::Unknown("no answer".into()))
            }
        }
    }
}

impl TestStore for FaultyStore {
    type Client = Self;
    type Sent = Transaction;
    type Backup = (BTreeMap<FleetRecord, FoundRecord>, u64);

    fn client(&self) -> Rc<Self> {
        Rc::new(self.clone())
    }

    fn network(&self) -> &Network<Transaction> {
        &self.0.network
    }

    fn arrive_late(&self, transaction: Transaction) {
        let _ = self.apply(&transaction);
    }

    fn wipe(&self) {
        self.0.records.borrow_mut().clear();
        self.0.network.delayed.borrow_mut().clear();
        self.0.revision.set(0);
    }

    fn backup(&self) -> Self::Backup {
        (self.0.records.borrow().clone(), self.0.revision.get())
    }

    fn restore(&self, (records, revision): Self::Backup) {
        self.0.records.replace(records);
        self.0.revision.set(revision);
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
        let fate = self.arrive(Call::Read).await;
        let found = self.0.records.borrow().get(record).cloned();
        self.0.network.count(0, 0, found.as_ref().map_or(0, |it| it.value.len()));
        self.answer(fate, found).await
    }

    fn take_pushed(&self) -> Option<FoundRecord> {
        self.0.pushed.take()
    }

    async fn list_each(
        &self,
        folder: Folder,
        after: Revision,
        each: &mut impl FnMut(FleetRecord, FoundRecord),
    ) -> Result<Revision, StoreError> {
        let fate = self.arrive(Call::Read).await;
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
        self.0.network.count(0, 0, listing.records.iter().map(|(_, it)| it.value.len()).sum());
        let Listing { records, revision } = self.answer(fate, listing).await?;
        records.into_iter().for_each(|(record, found)| each(record, found));
        Ok(revision)
    }

    async fn commit(&self, transaction: Transaction) -> Result<Revision, StoreError> {
        // What etcd does not accept is not sent.
        encode(&Keys::new("p", "r"), &transaction)?;
        let fate = self.arrive(Call::Write).await;
        self.0.network.count(0, transaction.puts.iter().map(|(_, value)| value.len()).sum(), 0);
        let result = match fate {
            Fate::Answered | Fate::AnswerLost => self.apply(&transaction),
            Fate::Repeated => {
                let first = self.apply(&transaction);
                let _ = self.apply(&transaction);
                first
            }
            Fate::RepeatedLate => {
                let _ = self.apply(&transaction);
                self.apply(&transaction)
            }
            Fate::Refused | Fate::Lost => Ok(Revision(0)),
            Fate::Delayed => {
                self.0.network.delayed.borrow_mut().push(transaction);
                Ok(Revision(0))
            }
        };
        self.answer(fate, result).await?
    }
}
