//! The store that all instances of a fleet share a rollout through.
//!
//! Instances use three operations: read a record, list the records of a folder, and commit several
//! writes as one, if guards hold. Each write gives its records a new revision. etcd has these
//! operations, and so has the Kubernetes API where the records of one commit are in one object.
//!
//! A call completes later, or not at all. A caller must assume that any call may have taken effect
//! although it failed with [`StoreError::Unknown`].

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::assignment::Epoch;

/// The records of one rollout.
pub trait FleetStore {
    /// Reads a record. `None` where it does not exist.
    ///
    /// # Errors
    /// [`StoreError::Failed`] where the store does not answer, or answers something else.
    fn read(
        &self,
        record: &FleetRecord,
    ) -> impl Future<Output = Result<Option<FoundRecord>, StoreError>>;

    /// Passes all records of a folder that were written after a revision to `each`, as they were at one moment.
    /// They are passed as they come, so that only what `each` keeps is in memory. Returns the revision of the
    /// store at that moment, where it orders its writes; a store that does not passes all.
    ///
    /// # Errors
    /// [`StoreError::Failed`] where the store does not answer, or answers something else. Then `each` may have
    /// got a part of the records.
    fn list_each(
        &self,
        folder: Folder,
        after: Revision,
        each: &mut impl FnMut(FleetRecord, FoundRecord),
    ) -> impl Future<Output = Result<Revision, StoreError>>;

    /// All records of [`Self::list_each`]. The answer is complete, or an error.
    ///
    /// # Errors
    /// As [`Self::list_each`].
    fn list(
        &self,
        folder: Folder,
        after: Revision,
    ) -> impl Future<Output = Result<Listing, StoreError>> {
        async move {
            let mut records = Vec::new();
            let mut each = |record, found| records.push((record, found));
            let revision = self.list_each(folder, after, &mut each).await?;
            Ok(Listing { records, revision })
        }
    }

    /// Does all of a transaction, if all its guards hold; otherwise nothing. Returns the revision
    /// of its writes.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where a guard does not hold; [`StoreError::Failed`] where the store
    /// has refused the transaction; [`StoreError::Unknown`] where it may have taken effect.
    fn commit(
        &self,
        transaction: Transaction,
    ) -> impl Future<Output = Result<Revision, StoreError>>;

    /// Whether each write raises one revision of the whole store, so that the revisions of any two
    /// records can be compared. Otherwise a revision is compared with the same record's alone.
    fn orders_writes(&self) -> bool {
        true
    }

    /// For how many seconds the store is not to be called, since a call has failed since the last time
    /// that this was asked; 0 for a usual failure, after which an instance waits for its next interval.
    /// `None`: the next call may come at once.
    fn take_pause_s(&self) -> Option<u64> {
        None
    }

    /// What a watch has delivered of [`FleetRecord::InForce`] since the last call. A store without a
    /// watch delivers nothing, and its callers read.
    fn take_pushed(&self) -> Option<FoundRecord> {
        None
    }

    /// Whether a watch is known to deliver what is new, so that reading is only a precaution.
    fn is_pushing(&self) -> bool {
        false
    }

    /// How the store was replaced since the last call: by another store, or by one that has lost writes
    /// since it was wiped or restored from a backup. The call that has noticed it has failed. Revisions
    /// from before the replacement mean nothing to the store any more. `None` where it was not replaced.
    fn take_replacement(&self) -> Option<String> {
        None
    }
}

/// A record of a rollout.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FleetRecord {
    /// The state that decisions are made from; only the decider reads it often.
    State,
    /// What is in force, and what every instance must know of the state.
    InForce,
    /// The keys of the hashes of units, and of feedback receipts.
    Keys,
    /// The instances, as the decider knows them from their outboxes.
    Participants,
    /// How the differences of the gates have developed, for display.
    Differences,
    /// The evidence that an instance hands over.
    Outbox(InstanceId),
    /// A part of the log of seen units.
    SeenUnits {
        /// The epoch in which the units were seen.
        epoch: Epoch,
        /// The index of the chunk.
        chunk: usize,
    },
}

/// A group of records that can be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Folder {
    /// All of [`FleetRecord::Outbox`].
    Outboxes,
    /// All of [`FleetRecord::SeenUnits`].
    SeenUnits,
}

/// One boot of one instance: the instance's name, and a random number that its process has drawn.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InstanceId {
    /// The name in the configuration, or Envoy's node id.
    pub name: String,
    /// Distinguishes the processes that have had this name.
    pub boot: u64,
}

/// A revision of a record. Where the store orders its writes, a later write has a larger one.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Revision(pub u64);

/// A record as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundRecord {
    /// The record's bytes.
    pub value: Vec<u8>,
    /// The revision of its latest write.
    pub revision: Revision,
}

/// The records of a folder at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The records; those that are not this version's are missing.
    pub records: Vec<(FleetRecord, FoundRecord)>,
    /// The revision of the store at that moment, where it orders its writes: every write that is not in
    /// the listing is later.
    pub revision: Revision,
}

/// Several writes that take effect as one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transaction {
    /// The records that must not have changed, with the revision at which each was found; `None`
    /// where it did not exist.
    pub guards: Vec<(FleetRecord, Option<Revision>)>,
    /// The values to write.
    pub puts: Vec<(FleetRecord, Vec<u8>)>,
    /// The records to delete.
    pub deletes: Vec<FleetRecord>,
    /// Where the store orders its writes: no record to delete may have been written after this revision.
    pub deletes_up_to: Option<Revision>,
}

/// Why a store did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// A guarded record was written, by another instance or by this very transaction: a proxy on the way
    /// may have sent it twice.
    Conflict,
    /// The store has not done it.
    Failed(String),
    /// The store may have done it, or may still do it.
    Unknown(String),
}

// === impl FleetRecord ===

impl FleetRecord {
    /// The record's path below the rollout's prefix.
    pub fn path(&self) -> String {
        match self {
            Self::State => "state".to_owned(),
            Self::InForce => "in_force".to_owned(),
            Self::Keys => "keys".to_owned(),
            Self::Participants => "participants".to_owned(),
            Self::Differences => "differences".to_owned(),
            Self::Outbox(InstanceId { name, boot }) => {
                format!("{}/{name}/{boot:016x}", Folder::Outboxes.path())
            }
            Self::SeenUnits { epoch, chunk } => {
                format!("{}/{epoch}/{chunk}", Folder::SeenUnits.path())
            }
        }
    }

    /// The record with this path; `None` where there is no such record.
    pub fn from_path(path: &str) -> Option<Self> {
        let mut parts = path.split('/');
        let record = match (parts.next()?, parts.next(), parts.next()) {
            ("state", None, None) => Self::State,
            ("in_force", None, None) => Self::InForce,
            ("keys", None, None) => Self::Keys,
            ("participants", None, None) => Self::Participants,
            ("differences", None, None) => Self::Differences,
            ("outbox", Some(name), Some(boot)) if !name.is_empty() => {
                let boot = u64::from_str_radix(boot, 16).ok()?;
                Self::Outbox(InstanceId { name: name.to_owned(), boot })
            }
            ("units", Some(epoch), Some(chunk)) => {
                let epoch = Epoch::new(epoch.parse().ok()?);
                Self::SeenUnits { epoch, chunk: chunk.parse().ok()? }
            }
            _ => return None,
        };
        parts.next().is_none().then_some(record)
    }
}

// === impl Folder ===

impl Folder {
    /// The folder's path below the rollout's prefix.
    pub fn path(self) -> &'static str {
        match self {
            Self::Outboxes => "outbox",
            Self::SeenUnits => "units",
        }
    }
}

// === impl StoreError ===

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict => f.write_str("another instance has written the record"),
            Self::Failed(why) | Self::Unknown(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for StoreError {}
