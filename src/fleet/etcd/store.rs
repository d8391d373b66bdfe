//! etcd as a store of a fleet.

use prost::Message as _;

use super::super::store::{
    FleetRecord, FleetStore, Folder, FoundRecord, Revision, StoreError, Transaction,
};
use super::grpc::{GrpcCalls, GrpcError, GrpcMethod};
use super::identity::Identity;
use super::keys::Keys;
use super::message::TxnResponse;
use super::page::{FoundPage, Page};
use super::transaction;
use super::watch::Watch;

/// The records of one rollout in etcd.
pub struct EtcdStore<C> {
    calls: C,
    keys: Keys,
    identity: Identity,
    watch: Watch,
}

/// An answer with the revision that its header has.
struct Answer {
    response: TxnResponse,
    revision: u64,
}

/// Why a request has no answer that can be used.
enum NoAnswer {
    Call(GrpcError),
    /// The answer cannot be read, or is that of another etcd.
    Unusable(String),
}

/// How often a read is tried where a member is not available.
pub const MAX_READS: usize = 4;

// === impl EtcdStore ===

impl<C: GrpcCalls> EtcdStore<C> {
    /// The records of a rollout below a prefix.
    pub fn new(calls: C, prefix: &str, rollout: &str) -> Self {
        let keys = Keys::new(prefix, rollout);
        let watch = Watch::new(keys.key(&FleetRecord::InForce).unwrap_or_default());
        Self { calls, keys, identity: Identity::default(), watch }
    }

    /// The calls that it makes.
    pub fn calls(&self) -> &C {
        &self.calls
    }

    /// The watch of [`FleetRecord::InForce`].
    pub fn watch(&self) -> &Watch {
        &self.watch
    }

    async fn read_page(&self, page: &Page) -> Result<FoundPage, StoreError> {
        let mut tries = 1;
        loop {
            match self.transact(page.encode()).await {
                Ok(Answer { response, revision }) => {
                    return page.read(response, revision).map_err(StoreError::Failed);
                }
                // Of several members one may be away, to which Envoy sends a part of the calls.
                Err(NoAnswer::Call(error)) if error.is_unavailable() && tries < MAX_READS => {
                    tries += 1;
                }
                Err(error) => return Err(error.of_read()),
            }
        }
    }

    async fn transact(&self, request: Vec<u8>) -> Result<Answer, NoAnswer> {
        let before = self.identity.before_request();
        let answer = self.calls.call(GrpcMethod::TXN, request).await.map_err(NoAnswer::Call)?;
        let response = TxnResponse::decode(answer.as_slice()).map_err(|error| {
            let size = answer.len();
            NoAnswer::Unusable(format!("the answer of {size} bytes is not that of etcd: {error}"))
        })?;
        let revision = self.identity.check(before, response.header.as_ref()).map_err(|why| {
            self.watch.restart();
            NoAnswer::Unusable(why)
        })?;
        Ok(Answer { response, revision })
    }
}

impl<C: GrpcCalls> FleetStore for EtcdStore<C> {
    async fn read(&self, record: &FleetRecord) -> Result<Option<FoundRecord>, StoreError> {
        let page = Page::of_key(self.keys.key(record)?);
        let found = self.read_page(&page).await?.records.into_iter().next();
        let found = found.map(|(_, record)| record);
        if let (FleetRecord::InForce, Some(found)) = (record, &found) {
            self.watch.skip_to(found.revision);
        }
        Ok(found)
    }

    async fn list_each(
        &self,
        folder: Folder,
        after: Revision,
        each: &mut impl FnMut(FleetRecord, FoundRecord),
    ) -> Result<Revision, StoreError> {
        let mut asked = Page::first(folder, self.keys.folder(folder), after);
        loop {
            let FoundPage { records, next, revision } = self.read_page(&asked).await?;
            for (key, found) in records {
                if let Some(record) = self.keys.record(&key) {
                    each(record, found);
                }
            }
            match next {
                Some(next) => asked = next,
                None => return Ok(revision),
            }
        }
    }

    async fn commit(&self, transaction: Transaction) -> Result<Revision, StoreError> {
        let request = transaction::encode(&self.keys, &transaction)?;
        let Answer { response, revision } =
            self.transact(request).await.map_err(NoAnswer::of_write)?;
        transaction::check(&transaction, &response)?;
        if transaction.puts.iter().any(|(record, _)| *record == FleetRecord::InForce) {
            self.watch.skip_to(Revision(revision));
        }
        Ok(Revision(revision))
    }

    fn take_pushed(&self) -> Option<FoundRecord> {
        self.watch.take_pushed()
    }

    fn is_pushing(&self) -> bool {
        self.watch.is_established()
    }

    fn take_replacement(&self) -> Option<String> {
        self.identity.take_replacement()
    }
}

// === impl NoAnswer ===

impl NoAnswer {
    fn of_write(self) -> StoreError {
        match self {
            Self::Call(error) => error.of_write(),
            Self::Unusable(why) => StoreError::Unknown(why),
        }
    }

    fn of_read(self) -> StoreError {
        match self {
            Self::Call(error) => error.of_read(),
            Self::Unusable(why) => StoreError::Failed(why),
        }
    }
}
