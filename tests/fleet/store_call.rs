//! A call of a store as a value, so that it can be repeated with another answer.

use verdigris::fleet::{
    FleetRecord, FleetStore, Folder, FoundRecord, Listing, Revision, StoreError, Transaction,
};

/// A call of a store.
#[derive(Clone, Debug)]
pub enum StoreCall {
    Read(FleetRecord),
    List(Folder, Revision),
    Commit(Transaction),
}

/// What a call has returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Returned {
    Record(Option<FoundRecord>),
    Listing(Listing),
    Committed(Revision),
}

impl StoreCall {
    pub async fn on(&self, store: &impl FleetStore) -> Result<Returned, StoreError> {
        Ok(match self {
            Self::Read(record) => Returned::Record(store.read(record).await?),
            Self::List(folder, after) => Returned::Listing(store.list(*folder, *after).await?),
            Self::Commit(transaction) => {
                Returned::Committed(store.commit(transaction.clone()).await?)
            }
        })
    }

    /// Whether an error is one that this call may have where its answer cannot be read: a write
    /// may have taken effect.
    pub fn is_unanswered(&self, returned: &Result<Returned, StoreError>) -> bool {
        match self {
            Self::Commit(_) => matches!(returned, Err(StoreError::Unknown(_))),
            Self::Read(_) | Self::List(..) => matches!(returned, Err(StoreError::Failed(_))),
        }
    }
}
