//! No answer of a fleet's store panics: not as etcd's answer to a transaction, not as that of the
//! Kubernetes API, and not as a record. A record that is read is written as one that reads the same.
#![no_main]

use std::cell::RefCell;
use std::fmt::Debug;

use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;
use verdigris::callout::{HttpCalls, HttpError, HttpRequest, HttpResponse};
use verdigris::fleet::etcd::{EtcdStore, GrpcCalls, GrpcError, GrpcMethod};
use verdigris::fleet::kubernetes::{KubernetesStore, base64};
use verdigris::fleet::records::Outbox;
use verdigris::fleet::{
    FleetKeys, FleetRecord, FleetStore, Folder, InForce, InstanceId, Participants, Revision,
    Transaction, format,
};
use verdigris::rollout::store::poll_once;

/// Answers each call with the same bytes, and ends after some calls, since a list may have no last page.
struct Answers<'a> {
    status: u16,
    bytes: &'a [u8],
    left: RefCell<u8>,
}

impl<'a> Answers<'a> {
    fn new(status: u16, bytes: &'a [u8]) -> Self {
        Self { status, bytes, left: RefCell::new(8) }
    }

    fn next(&self) -> Option<Vec<u8>> {
        let left = &mut *self.left.borrow_mut();
        *left = left.checked_sub(1)?;
        Some(self.bytes.to_vec())
    }
}

impl GrpcCalls for Answers<'_> {
    async fn call(&self, _: GrpcMethod, _: Vec<u8>) -> Result<Vec<u8>, GrpcError> {
        self.next().ok_or_else(|| GrpcError::NotSent("no more answers".to_owned()))
    }
}

impl HttpCalls for Answers<'_> {
    async fn call(&self, _: HttpRequest) -> Result<HttpResponse, HttpError> {
        let body = self.next().ok_or(HttpError::CutShort)?;
        Ok(HttpResponse { status: self.status, retry_after_s: None, body })
    }
}

fn call_all(store: &impl FleetStore) {
    let outbox = FleetRecord::Outbox(InstanceId { name: "a".to_owned(), boot: 7 });
    let records = [FleetRecord::InForce, FleetRecord::State, FleetRecord::Keys, outbox];
    for record in records {
        let _ = poll_once(store.read(&record)).unwrap();
        let guard = Some(Revision(3));
        let puts = vec![(record.clone(), b"value".to_vec())];
        let guards = vec![(record, guard)];
        let transaction = Transaction { guards, puts, ..Transaction::default() };
        let _ = poll_once(store.commit(transaction)).unwrap();
    }
    for folder in [Folder::Outboxes, Folder::SeenUnits] {
        let _ = poll_once(store.list(folder, Revision(0))).unwrap();
    }
}

fn read<T: DeserializeOwned + Serialize + PartialEq + Debug>(bytes: &[u8]) {
    let bytes = [&[format::FORMAT], bytes].concat();
    if let Ok(record) = format::decode::<T>(&bytes) {
        let again = format::encode(&record).unwrap();
        assert_eq!(format::encode(&format::decode::<T>(&again).unwrap()).unwrap(), again);
    }
}

fuzz_target!(|input: (u16, &[u8])| {
    let (status, bytes) = input;
    call_all(&EtcdStore::new(Answers::new(200, bytes), "/fleets/", "r"));
    for status in [200, status] {
        call_all(&KubernetesStore::new(Answers::new(status, bytes), "default", "r"));
    }
    read::<InForce>(bytes);
    read::<Outbox>(bytes);
    read::<Participants>(bytes);
    read::<FleetKeys>(bytes);
    let text = base64::encode(bytes);
    assert_eq!(base64::decode(&text).as_deref(), Some(bytes));
    let _ = str::from_utf8(bytes).ok().and_then(base64::decode);
});
