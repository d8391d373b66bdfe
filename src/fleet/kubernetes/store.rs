//! The Kubernetes API as a store of a fleet.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::json;

use super::super::store::{
    FleetRecord, FleetStore, Folder, FoundRecord, InstanceId, Revision, StoreError, Transaction,
};
use super::answer::{self, Failure};
use super::base64;
use super::change::{Change, NewChunk};
use super::chunks::Chunks;
use super::names::{self, IN_FORCE_ANNOTATION, Names};
use super::object::{self, Object};
use crate::callout::{HttpCalls, HttpError, HttpRequest};

/// The records of one rollout in ConfigMaps.
pub struct KubernetesStore<C> {
    calls: C,
    pub(super) names: Names,
    /// The version of the rollout's object that was last seen; `None` where it does not exist.
    version: Cell<Option<u64>>,
    /// The rollout's object at that version, if it was read as a whole.
    whole: RefCell<Option<Rc<Object>>>,
    pub(super) chunks: RefCell<Chunks>,
    /// The version of each outbox as it was listed for the decision that is not committed yet.
    pub(super) outboxes: RefCell<BTreeMap<InstanceId, u64>>,
    pause_s: Cell<Option<u64>>,
}

/// The media types of metadata alone, of a whole object, and of a merge patch.
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
pub(super) const WHOLE: &str = "application/json";
const MERGE_PATCH: &str = "application/merge-patch+json";
/// The kinds of answers that have them.
const METADATA_KIND: &str = "PartialObjectMetadata";
const WHOLE_KIND: &str = "ConfigMap";

/// How many objects that nothing refers to are deleted with a commit.
const MAX_DELETES: usize = 8;

/// The longest pause that `Retry-After` is taken for, in seconds.
const MAX_PAUSE_S: u64 = 300;

// === impl KubernetesStore ===

impl<C: HttpCalls> KubernetesStore<C> {
    /// The records of a rollout in a namespace.
    pub fn new(calls: C, namespace: &str, rollout: &str) -> Self {
        Self {
            calls,
            names: Names::new(namespace, rollout),
            version: Cell::new(None),
            whole: RefCell::default(),
            chunks: RefCell::default(),
            outboxes: RefCell::default(),
            pause_s: Cell::new(None),
        }
    }

    /// The calls that it makes.
    pub fn calls(&self) -> &C {
        &self.calls
    }

    pub(super) async fn call(
        &self,
        method: &'static str,
        path: String,
        accept: &'static str,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, Failure> {
        let mut headers = vec![("accept", accept)];
        if !body.is_empty() {
            let media_type = if method == "PATCH" { MERGE_PATCH } else { WHOLE };
            headers.push(("content-type", media_type));
        }
        let answer = self.calls.call(HttpRequest { method, path, headers, body }).await;
        let retry_after_s = answer.as_ref().ok().and_then(|it| it.retry_after_s);
        let is_sent = !matches!(answer, Err(HttpError::NotSent(_)));
        let body = answer::body(answer);
        if let Err(Failure::Refused(_) | Failure::Unknown(_)) = body {
            let pause_s = retry_after_s.filter(|_| is_sent).map_or(0, u64::from).min(MAX_PAUSE_S);
            self.pause_s.set(Some(pause_s.max(self.pause_s.get().unwrap_or_default())));
        }
        body
    }

    /// Reads an object. `None` where it does not exist.
    async fn get(&self, name: &str, is_whole: bool) -> Result<Option<Object>, StoreError> {
        let (accept, kind) = if is_whole { (WHOLE, WHOLE_KIND) } else { (METADATA, METADATA_KIND) };
        match self.call("GET", self.names.path(name), accept, Vec::new()).await {
            Ok(body) => answer::object(&body, kind, name).map(Some).map_err(Failure::of_read),
            Err(Failure::NotFound) => Ok(None),
            Err(failure) => Err(failure.of_read()),
        }
    }

    /// Writes an object. Returns its version.
    async fn write(
        &self,
        method: &'static str,
        name: &str,
        body: Vec<u8>,
    ) -> Result<Revision, Failure> {
        let path = if method == "POST" { self.names.collection() } else { self.names.path(name) };
        let answer = self.call(method, path, METADATA, body).await?;
        let object = answer::object(&answer, METADATA_KIND, name)?;
        object.revision().map_err(Failure::Unknown)
    }

    /// Deletes an object, if it has this version. It may not exist.
    async fn delete(&self, name: &str, version: Option<u64>) -> Result<(), Failure> {
        let version = version.map(|it| json!({"resourceVersion": it.to_string()}));
        let options =
            json!({"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": version});
        let body = options.to_string().into_bytes();
        match self.call("DELETE", self.names.path(name), WHOLE, body).await {
            Ok(_) | Err(Failure::NotFound) => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    /// The rollout's object at the version that was last seen.
    pub(super) async fn whole(&self) -> Result<Option<Rc<Object>>, StoreError> {
        if let Some(known) = self.whole.borrow().clone() {
            return Ok(Some(known));
        }
        let before = self.version.get();
        let found = self.get(&self.names.of_rollout(), true).await?;
        let version =
            found.as_ref().map(Object::revision).transpose().map_err(StoreError::Failed)?;
        let version = version.map(|it| it.0);
        // Another call has seen a change meanwhile. Which of two versions is the older one is not known.
        if self.version.get() != before && self.version.get() != version {
            return Err(StoreError::Conflict);
        }
        self.see_version(version);
        let (Some(object), Some(version)) = (found, version) else { return Ok(None) };
        let chunks = object.data.clone().unwrap_or_default();
        self.chunks.borrow_mut().on_read(Some((version, chunks)));
        let object = Rc::new(object);
        self.whole.replace(Some(Rc::clone(&object)));
        Ok(Some(object))
    }

    /// Takes a version of the rollout's object. What was read at another version is dropped.
    fn see_version(&self, version: Option<u64>) {
        if self.version.replace(version) != version || version.is_none() {
            self.whole.take();
        }
    }

    async fn read_in_force(&self) -> Result<Option<FoundRecord>, StoreError> {
        let name = self.names.of_rollout();
        let Some(object) = self.get(&name, false).await? else {
            self.see_version(None);
            return Ok(None);
        };
        let revision = object.revision().map_err(StoreError::Failed)?;
        let text = object.annotation(IN_FORCE_ANNOTATION);
        let value = text.and_then(base64::decode).ok_or_else(|| {
            StoreError::Failed(format!(
                "the ConfigMap {name} has no annotation {IN_FORCE_ANNOTATION} that can be read: \
                 delete the ConfigMap, and the Envoys write back what they know"
            ))
        })?;
        self.see_version(Some(revision.0));
        Ok(Some(FoundRecord { value, revision }))
    }

    /// Reads a record that has an object of its own.
    async fn read_object(&self, name: &str, path: &str) -> Result<Option<FoundRecord>, StoreError> {
        let Some(object) = self.get(name, true).await? else { return Ok(None) };
        let value = object.only_record(path).map_err(StoreError::Failed)?;
        let revision = object.revision().map_err(StoreError::Failed)?;
        Ok(Some(FoundRecord { value, revision }))
    }

    /// Reads a record of the rollout's object.
    async fn read_key(
        &self,
        record: &FleetRecord,
        key: &str,
    ) -> Result<Option<FoundRecord>, StoreError> {
        let Some(object) = self.whole().await? else { return Ok(None) };
        let value = object.bytes(key).map_err(StoreError::Failed)?;
        let Some(value) = value else {
            let Some(name) = object.data.as_ref().and_then(|it| it.get(key)) else {
                return Ok(None);
            };
            return self.read_object(name, &record.path()).await;
        };
        Ok(Some(FoundRecord { value, revision: object.revision().map_err(StoreError::Failed)? }))
    }

    /// Commits a decision, which replaces this version of the rollout's object.
    async fn commit_decision(
        &self,
        guard: Option<Revision>,
        mut transaction: Transaction,
    ) -> Result<Revision, StoreError> {
        self.delete_garbage().await;
        // A deleted outbox was consumed by a decision that is committed. It is deleted before the
        // decision that notes that its instance has gone, and only as it was then.
        let listed = self.outboxes.take();
        for record in std::mem::take(&mut transaction.deletes) {
            match record {
                FleetRecord::Outbox(id) => self.delete_outbox(&id, &listed).await?,
                chunk => transaction.deletes.push(chunk),
            }
        }
        let replaced = guard.map_or(0, |it| it.0);
        let (change, chunks) = Change::of(transaction, &self.names, replaced)?;
        for chunk in chunks {
            self.create_chunk(&chunk).await?;
        }
        let name = self.names.of_rollout();
        let written = match guard {
            Some(Revision(version)) => self.write("PATCH", &name, change.patch(version)).await,
            None => self.write("POST", &name, change.create(&self.names)).await,
        };
        let revision = written.map_err(Failure::of_write)?;
        self.see_version(Some(revision.0));
        let mut chunks = self.chunks.borrow_mut();
        let before = match guard {
            Some(Revision(version)) => chunks.referred_at(version).cloned(),
            None => Some(BTreeMap::new()),
        };
        let after = before.map(|it| change.chunks_after(it));
        chunks.on_committed(replaced, revision.0, after);
        Ok(revision)
    }

    /// Deletes an outbox as it was listed. One that was not listed does not exist, or its instance has written
    /// it since: then it is not consumed yet.
    async fn delete_outbox(
        &self,
        id: &InstanceId,
        listed: &BTreeMap<InstanceId, u64>,
    ) -> Result<(), StoreError> {
        let name = self.names.of_outbox(id)?;
        let Some(version) = listed.get(id) else { return Ok(()) };
        match self.delete(&name, Some(*version)).await {
            Ok(()) => Ok(()),
            // The instance is back.
            Err(Failure::Conflict) => Err(StoreError::Conflict),
            // It can be deleted again.
            Err(failure) => Err(failure.of_read()),
        }
    }

    async fn create_chunk(&self, chunk: &NewChunk) -> Result<(), StoreError> {
        let NewChunk { name, path, value } = chunk;
        let kind = Folder::SeenUnits.path();
        let body = object::with_one_record(&self.names, name, kind, path, value, None);
        match self.write("POST", name, body).await {
            // The name says what it contains.
            Ok(_) | Err(Failure::Conflict) => Ok(()),
            Err(failure) => Err(failure.of_read()),
        }
    }

    /// Deletes some objects that nothing refers to. A failure costs space, and is tried again.
    async fn delete_garbage(&self) {
        let garbage = self.chunks.borrow_mut().take_garbage(MAX_DELETES);
        for name in garbage {
            if self.delete(&name, None).await.is_err() {
                self.chunks.borrow_mut().keep_garbage(name);
            }
        }
    }

    /// Writes a record that has an object of its own.
    async fn commit_record(
        &self,
        (name, kind): (&str, &str),
        record: &FleetRecord,
        value: &[u8],
        guard: Option<Revision>,
    ) -> Result<Revision, StoreError> {
        let version = guard.map(|it| it.0);
        let path = record.path();
        let body = object::with_one_record(&self.names, name, kind, &path, value, version);
        let method = if guard.is_some() { "PUT" } else { "POST" };
        self.write(method, name, body).await.map_err(Failure::of_write)
    }
}

impl<C: HttpCalls> FleetStore for KubernetesStore<C> {
    async fn read(&self, record: &FleetRecord) -> Result<Option<FoundRecord>, StoreError> {
        match record {
            FleetRecord::InForce => self.read_in_force().await,
            FleetRecord::Keys => self.read_object(&self.names.of_keys(), &record.path()).await,
            FleetRecord::Outbox(id) => {
                self.read_object(&self.names.of_outbox(id)?, &record.path()).await
            }
            FleetRecord::State
            | FleetRecord::Participants
            | FleetRecord::Differences
            | FleetRecord::SeenUnits { .. } => {
                let key = names::key_of(record).unwrap_or_default();
                self.read_key(record, &key).await
            }
        }
    }

    async fn list_each(
        &self,
        folder: Folder,
        _: Revision,
        each: &mut impl FnMut(FleetRecord, FoundRecord),
    ) -> Result<Revision, StoreError> {
        match folder {
            Folder::Outboxes => self.each_outbox(each).await?,
            Folder::SeenUnits => {
                let units = self.list_units().await?;
                units.records.into_iter().for_each(|(record, found)| each(record, found));
            }
        }
        Ok(Revision::default())
    }

    async fn commit(&self, transaction: Transaction) -> Result<Revision, StoreError> {
        match (&transaction.guards[..], &transaction.puts[..]) {
            ([(FleetRecord::InForce, guard)], _) => {
                let guard = *guard;
                self.commit_decision(guard, transaction).await
            }
            ([(guarded, guard)], [(record, value)])
                if guarded == record && transaction.deletes.is_empty() =>
            {
                let (name, kind) = match record {
                    FleetRecord::Outbox(id) => (self.names.of_outbox(id)?, Folder::Outboxes.path()),
                    FleetRecord::Keys => (self.names.of_keys(), "keys"),
                    _ => return Err(no_object()),
                };
                self.commit_record((&name, kind), record, value, *guard).await
            }
            _ => Err(no_object()),
        }
    }

    fn orders_writes(&self) -> bool {
        false
    }

    fn take_pause_s(&self) -> Option<u64> {
        self.pause_s.take()
    }
}

fn no_object() -> StoreError {
    StoreError::Failed("a transaction over several objects was not sent".to_owned())
}
