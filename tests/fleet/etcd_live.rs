//! The store on a real etcd.

use std::cell::RefCell;

use verdigris::fleet::etcd::{EtcdStore, GrpcCalls, GrpcError, GrpcMethod};
use verdigris::fleet::{
    FleetRecord, FleetStore, Folder, FoundRecord, InstanceId, Listing, Revision, StoreError,
    Transaction,
};
use verdigris::rollout::store::poll_once;

use crate::etcd_answers::{RecordedAnswer, create};
use crate::etcd_server::Etcd;
use crate::grpc_client::GrpcClient;
use crate::scripted_calls::ScriptedCalls;
use crate::store_call::{Returned, StoreCall};

/// Keeps the answers of a server, and does something after each call.
struct Recorder<F> {
    client: GrpcClient,
    answers: RefCell<Vec<Vec<u8>>>,
    after_call: F,
}

impl<F: Fn() + Sync> Recorder<F> {
    fn store(port: u16, after_call: F) -> EtcdStore<Self> {
        let recorder =
            Self { client: GrpcClient::new(port), answers: RefCell::default(), after_call };
        EtcdStore::new(recorder, "/fleets", "assistant-v8")
    }
}

impl<F: Fn() + Sync> GrpcCalls for Recorder<F> {
    async fn call(&self, method: GrpcMethod, message: Vec<u8>) -> Result<Vec<u8>, GrpcError> {
        let answer = self.client.call(method, message).await?;
        self.answers.borrow_mut().push(answer.clone());
        // The servers of the tests block, which a thread of the runtime must not.
        std::thread::scope(|scope| scope.spawn(&self.after_call).join()).unwrap();
        Ok(answer)
    }
}

fn store(etcd: &Etcd) -> EtcdStore<GrpcClient> {
    EtcdStore::new(GrpcClient::new(etcd.port(0)), "/fleets", "assistant-v8")
}

fn outbox(name: &str) -> FleetRecord {
    FleetRecord::Outbox(InstanceId { name: name.to_owned(), boot: 7 })
}

fn puts<const N: usize>(puts: [(FleetRecord, &str); N]) -> Transaction {
    let puts = puts.map(|(record, value)| (record, value.as_bytes().to_vec())).into();
    Transaction { puts, ..Transaction::default() }
}

/// Runs a future on a runtime of its own.
pub fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

#[test]
fn records_are_committed_read_guarded_listed_and_deleted() {
    let etcd = Etcd::start();
    let store = store(&etcd);
    let state = FleetRecord::State;
    assert_eq!(wait(store.read(&state)), Ok(None));

    let created = Transaction {
        guards: vec![(state.clone(), None)],
        ..puts([(state.clone(), "one"), (outbox("a"), "evidence of a")])
    };
    let revision = wait(store.commit(created.clone())).unwrap();
    assert_eq!(revision, Revision(etcd.revision()));
    assert_eq!(wait(store.commit(created)), Err(StoreError::Conflict), "it exists");
    let found = wait(store.read(&state)).unwrap().unwrap();
    assert_eq!(found, FoundRecord { value: b"one".to_vec(), revision });
    assert_eq!(etcd.get("/fleets/assistant-v8/state").as_deref(), Some(&b"one"[..]));

    etcd.put("/fleets/assistant-v8/outbox/b", b"a key that no version has");
    let listing = wait(store.list(Folder::Outboxes, Revision(0))).unwrap();
    let evidence = FoundRecord { value: b"evidence of a".to_vec(), revision };
    assert_eq!(listing.records, [(outbox("a"), evidence)]);
    assert_eq!(listing.revision, Revision(etcd.revision()));
    let later = wait(store.list(Folder::Outboxes, listing.revision)).unwrap();
    assert_eq!(later, Listing { records: Vec::new(), revision: listing.revision });

    let guards = vec![(state.clone(), Some(revision))];
    let deletes = vec![outbox("a"), outbox("never written")];
    let up_to = |revision| Transaction {
        guards: guards.clone(),
        deletes: deletes.clone(),
        deletes_up_to: Some(Revision(revision)),
        ..puts([(state.clone(), "two")])
    };
    let newer = wait(store.commit(up_to(revision.0 - 1)));
    assert_eq!(newer, Err(StoreError::Conflict), "one to delete was written after that");
    let change = up_to(revision.0);
    let changed = wait(store.commit(change.clone())).unwrap();
    assert!(changed > listing.revision);
    assert_eq!(wait(store.commit(change)), Err(StoreError::Conflict), "it has changed");
    let keys = etcd.keys("/fleets/assistant-v8/");
    assert_eq!(keys, ["/fleets/assistant-v8/outbox/b", "/fleets/assistant-v8/state"]);
}

/// With `RECORD` in the environment the answers become those of the tests without etcd.
#[test]
fn an_answer_of_etcd_that_is_cut_at_any_byte_is_an_error() {
    let etcd = Etcd::start();
    let state = FleetRecord::State;
    let calls = [
        ("a record that does not exist", StoreCall::Read(state.clone())),
        ("a folder without records", StoreCall::List(Folder::Outboxes, Revision(0))),
        ("a transaction that succeeds", StoreCall::Commit(create())),
        ("a transaction that fails", StoreCall::Commit(create())),
        ("a record", StoreCall::Read(state)),
        ("a folder", StoreCall::List(Folder::Outboxes, Revision(0))),
        ("a folder without later records", StoreCall::List(Folder::SeenUnits, Revision(1000))),
        ("a folder with later records", StoreCall::List(Folder::SeenUnits, Revision(1))),
    ];
    let mut recorded = Vec::new();
    for (name, call) in calls {
        let recorder = Recorder::store(etcd.port(0), || {});
        let returned = wait(call.on(&recorder));
        let answer = recorder.calls().answers.take().pop().unwrap();
        let replayed = |size: usize| {
            let store = ScriptedCalls::store([Ok(answer[..size].to_vec())]);
            poll_once(call.on(&store)).unwrap()
        };
        assert_eq!(replayed(answer.len()), returned, "{name}");
        for size in 0..answer.len() {
            let cut = replayed(size);
            assert!(call.is_unanswered(&cut), "{name} cut at {size}: {cut:?}");
        }
        recorded.push(RecordedAnswer::new(name, &answer));
    }
    if std::env::var_os("RECORD").is_some() {
        RecordedAnswer::write(&recorded);
    }
}

#[test]
fn a_listing_of_many_pages_is_that_of_one_revision() {
    let etcd = Etcd::start();
    let store = store(&etcd);
    let name = |index: u32| format!("instance-{index:04}");
    let value = "x".repeat(9_000);
    for part in 0..7 {
        let puts = (0..100).map(|i| (outbox(&name(part * 100 + i)), value.clone().into_bytes()));
        let puts = Transaction { puts: puts.collect(), ..Transaction::default() };
        wait(store.commit(puts)).unwrap();
    }
    let revision = Revision(etcd.revision());
    // Between two pages one record is deleted, one is changed, and one is added.
    let meddle = || {
        etcd.delete(&format!("/fleets/assistant-v8/{}", outbox(&name(500)).path()));
        etcd.put(&format!("/fleets/assistant-v8/{}", outbox(&name(600)).path()), b"changed");
        etcd.put(&format!("/fleets/assistant-v8/{}", outbox("instance-9999").path()), b"added");
    };
    let recorder = Recorder::store(etcd.port(0), meddle);
    let listing = wait(recorder.list(Folder::Outboxes, Revision(0))).unwrap();
    assert_eq!(listing.revision, revision);
    let expected: Vec<_> = (0..700).map(|index| outbox(&name(index))).collect();
    let found: Vec<_> = listing.records.iter().map(|(record, _)| record.clone()).collect();
    assert_eq!(found, expected);
    assert!(listing.records.iter().all(|(_, it)| it.value == value.as_bytes()));
    let pages: Vec<_> = recorder.calls().answers.borrow().iter().map(Vec::len).collect();
    // Also where the first ones are small, a page has no more of them than may be large.
    assert!(pages.len() > 14 && pages.iter().all(|it| *it < 3 * 1024 * 1024), "{pages:?}");

    let changed = wait(store.list(Folder::Outboxes, revision)).unwrap();
    let changed: Vec<_> = changed.records.into_iter().map(|(record, _)| record).collect();
    assert_eq!(changed, [outbox(&name(600)), outbox("instance-9999")]);
}

#[test]
fn a_listing_whose_revision_is_compacted_between_two_pages_fails() {
    let etcd = Etcd::start();
    for part in 0..2 {
        let puts = (0..50).map(|i| (outbox(&format!("{part}-{i}")), vec![1]));
        let puts = Transaction { puts: puts.collect(), ..Transaction::default() };
        wait(store(&etcd).commit(puts)).unwrap();
    }
    let compact = || {
        let revision = etcd.put("/another/key", b"");
        etcd.compact(revision);
    };
    let listing = Recorder::store(etcd.port(0), compact);
    let failed = wait(listing.list(Folder::Outboxes, Revision(0)));
    let expected =
        "etcd answers OUT_OF_RANGE: etcdserver: mvcc: required revision has been compacted";
    assert_eq!(failed, Err(StoreError::Failed(expected.to_owned())));
}

#[test]
fn a_wiped_etcd_is_noticed_once_and_used_from_then_on() {
    let mut etcd = Etcd::start();
    let store = store(&etcd);
    for value in ["one", "two", "three"] {
        wait(store.commit(puts([(FleetRecord::State, value)]))).unwrap();
    }
    etcd.wipe();
    let Err(StoreError::Failed(message)) = wait(store.read(&FleetRecord::State)) else {
        panic!("the record does not exist in the etcd that had it")
    };
    assert!(message.contains("it is at revision 1 and was at 4"), "{message}");
    assert_eq!(store.take_replacement(), Some(message));
    assert_eq!(store.take_replacement(), None);
    assert_eq!(wait(store.read(&FleetRecord::State)), Ok(None));
    assert_eq!(wait(store.commit(puts([(FleetRecord::State, "four")]))), Ok(Revision(2)));
}

#[test]
fn a_transaction_that_exceeds_etcds_limits_is_refused_and_the_largest_ones_are_not() {
    let etcd = Etcd::start();
    let store = store(&etcd);
    let of_size = |size| puts([(FleetRecord::State, &*"x".repeat(size))]);
    let of_count = |count: usize| {
        let puts = (0..count).map(|i| (outbox(&i.to_string()), Vec::new())).collect();
        Transaction { puts, ..Transaction::default() }
    };
    let limit = verdigris::fleet::etcd::transaction::MAX_REQUEST_BYTES;
    let largest = Transaction { ..of_size(limit - 120) };
    assert!(wait(store.commit(largest)).is_ok());
    assert!(wait(store.commit(of_count(128))).is_ok());
    let cases = [
        (of_size(limit), "bytes was not sent: etcd accepts 1571840 bytes"),
        (of_count(129), "a transaction of 129 writes was not sent: etcd accepts 128 writes"),
        (Transaction::default(), "a transaction without a write was not sent"),
        (puts([(outbox("a/b"), "")]), "must not be empty or contain a slash"),
    ];
    for (transaction, expected) in cases {
        match wait(store.commit(transaction)) {
            Err(StoreError::Failed(message)) => assert!(message.contains(expected), "{message}"),
            other => panic!("{other:?} instead of {expected:?}"),
        }
    }
}

#[test]
fn the_store_survives_the_loss_of_one_member_of_three_but_not_of_two() {
    let mut etcd = Etcd::start_cluster(3, &[]);
    let store = store(&etcd);
    let write = |value| wait(store.commit(puts([(FleetRecord::State, value)])));
    let first = write("one").unwrap();
    etcd.kill(2);
    // Where the member was the leader, the others elect one first.
    let second = crate::process::wait_for("a leader", || write("two").ok());
    assert!(second > first);
    etcd.kill(1);
    let unanswered = StoreCall::Commit(puts([(FleetRecord::State, "three")]));
    let returned = wait(unanswered.on(&store));
    assert!(unanswered.is_unanswered(&returned), "{returned:?}");
    etcd.restart();
    let found = wait(store.read(&FleetRecord::State)).unwrap().unwrap();
    assert!([&b"two"[..], b"three"].contains(&found.value.as_slice()), "{found:?}");
}

#[test]
fn an_etcd_that_is_out_of_space_refuses_writes_and_still_answers_reads() {
    let etcd = Etcd::start_cluster(1, &["--quota-backend-bytes=4000000"]);
    let store = store(&etcd);
    let value = "x".repeat(1_000_000);
    let fill = || wait(store.commit(puts([(FleetRecord::State, &*value)]))).err();
    let full = crate::process::wait_for("etcd to be full", fill);
    let expected = "etcd answers RESOURCE_EXHAUSTED: etcdserver: mvcc: database space exceeded";
    assert_eq!(full, StoreError::Failed(expected.to_owned()));
    assert!(matches!(wait(store.read(&FleetRecord::State)), Ok(Some(_))));
}

#[test]
fn without_etcd_a_write_may_have_taken_effect_and_a_read_has_failed() {
    let mut etcd = Etcd::start();
    let store = store(&etcd);
    etcd.kill(0);
    let calls = [
        StoreCall::Read(FleetRecord::State),
        StoreCall::List(Folder::Outboxes, Revision(0)),
        StoreCall::Commit(puts([(FleetRecord::State, "one")])),
    ];
    for call in calls {
        let returned = wait(call.on(&store));
        assert!(call.is_unanswered(&returned), "{call:?}: {returned:?}");
    }
    etcd.restart();
    assert_eq!(wait(StoreCall::Read(FleetRecord::State).on(&store)), Ok(Returned::Record(None)));
}
