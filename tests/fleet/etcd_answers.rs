//! Answers of etcd: recorded ones, those of others, and failures.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use proptest::prelude::*;
use prost::Message as _;
use serde::{Deserialize, Serialize};
use verdigris::assignment::Epoch;
use verdigris::fleet::etcd::message::{
    KeyValue, RangeResponse, ResponseHeader, ResponseKind, ResponseOp, TxnResponse,
};
use verdigris::fleet::etcd::store::MAX_READS;
use verdigris::fleet::etcd::{GrpcError, Watch};
use verdigris::fleet::{
    FleetRecord, FleetStore, Folder, InstanceId, Revision, StoreError, Transaction,
};
use verdigris::rollout::store::poll_once;

use crate::scripted_calls::ScriptedCalls;
use crate::store_call::{Returned, StoreCall};

/// An answer that a real etcd has given.
#[derive(Serialize, Deserialize)]
pub struct RecordedAnswer {
    name: String,
    base64: String,
}

impl RecordedAnswer {
    pub fn new(name: &str, answer: &[u8]) -> Self {
        Self { name: name.to_owned(), base64: BASE64.encode(answer) }
    }

    fn path() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/etcd/answers.json")
    }

    pub fn write(recorded: &[Self]) {
        let text = serde_json::to_string_pretty(recorded).unwrap();
        std::fs::write(Self::path(), text + "\n").unwrap();
    }

    fn read_all() -> Vec<Self> {
        serde_json::from_str(&std::fs::read_to_string(Self::path()).unwrap()).unwrap()
    }

    fn bytes(&self) -> Vec<u8> {
        BASE64.decode(&self.base64).unwrap()
    }
}

/// The transaction whose answers are recorded.
pub fn create() -> Transaction {
    let state = FleetRecord::State;
    let units = FleetRecord::SeenUnits { epoch: Epoch::new(3), chunk: 0 };
    let outbox = FleetRecord::Outbox(InstanceId { name: "a".to_owned(), boot: 7 });
    Transaction {
        guards: vec![(state.clone(), None)],
        puts: [(state, "state"), (outbox, "evidence"), (units, "units")]
            .map(|(record, value)| (record, value.as_bytes().to_vec()))
            .into(),
        deletes: vec![FleetRecord::Keys],
        deletes_up_to: None,
    }
}

fn write() -> StoreCall {
    StoreCall::Commit(create())
}

/// One call of each kind.
fn calls() -> [StoreCall; 3] {
    let list = StoreCall::List(Folder::Outboxes, Revision(0));
    [StoreCall::Read(FleetRecord::State), list, write()]
}

fn call_with(call: &StoreCall, answer: Vec<u8>) -> Result<Returned, StoreError> {
    poll_once(call.on(&ScriptedCalls::store([Ok(answer)]))).unwrap()
}

fn header(cluster_id: u64, revision: i64) -> Option<ResponseHeader> {
    Some(ResponseHeader { cluster_id, member_id: 1, revision })
}

/// The answer of etcd with these keys, each with the revision of its write, at revision 9.
fn range(keys: &[(&str, i64)], more: bool, count: i64) -> TxnResponse {
    let kv = |&(key, mod_revision): &(&str, i64)| {
        let key = format!("/fleets/assistant-v8/{key}").into_bytes();
        KeyValue { key, mod_revision, value: b"value".to_vec() }
    };
    let kvs = keys.iter().map(kv).collect();
    let response = Some(ResponseKind::Range(RangeResponse { kvs, more, count }));
    TxnResponse { header: header(1, 9), succeeded: true, responses: vec![ResponseOp { response }] }
}

#[test]
fn recorded_answers_are_read_by_the_calls_that_they_answer() {
    let recorded = RecordedAnswer::read_all();
    let answer = |name: &str| recorded.iter().find(|it| it.name == name).expect(name).bytes();
    let [read, list, _] = calls();
    assert_eq!(
        call_with(&read, answer("a record that does not exist")),
        Ok(Returned::Record(None))
    );
    let Ok(Returned::Record(Some(found))) = call_with(&read, answer("a record")) else {
        panic!("the record is found")
    };
    assert_eq!((found.value.as_slice(), found.revision), (&b"state"[..], Revision(2)));
    let Ok(Returned::Listing(listing)) = call_with(&list, answer("a folder")) else {
        panic!("the folder is listed")
    };
    assert_eq!((listing.records.len(), listing.revision), (1, Revision(2)));
    let committed = Ok(Returned::Committed(Revision(2)));
    assert_eq!(call_with(&write(), answer("a transaction that succeeds")), committed);
    assert_eq!(call_with(&write(), answer("a transaction that fails")), Err(StoreError::Conflict));
}

#[test]
fn a_recorded_answer_that_is_cut_at_any_byte_is_an_error_for_every_call() {
    for recorded in RecordedAnswer::read_all() {
        let answer = recorded.bytes();
        for (size, call) in (0..answer.len()).flat_map(|size| calls().map(|call| (size, call))) {
            let returned = call_with(&call, answer[..size].to_vec());
            let name = &recorded.name;
            assert!(call.is_unanswered(&returned), "{name} at {size}, {call:?}: {returned:?}");
        }
    }
}

#[test]
fn what_is_not_etcds_answer_to_the_call_is_an_error() {
    let page = b"<html><body>Bad gateway</body></html>".to_vec();
    let no_header = TxnResponse { header: None, ..range(&[], false, 0) }.encode_to_vec();
    let no_revision = TxnResponse { header: header(1, 0), ..range(&[], false, 0) };
    let two = range(&[("outbox/a/1", 2), ("outbox/b/1", 2)], false, 2);
    let cases = [
        ("nothing", Vec::new()),
        ("a page", page),
        ("no header", no_header),
        ("no revision", no_revision.encode_to_vec()),
        ("more records than it counts", range(&[("outbox/a/1", 2)], false, 0).encode_to_vec()),
        ("fewer records than it counts", range(&[("outbox/a/1", 2)], false, 2).encode_to_vec()),
        ("more without a record", range(&[], true, 2).encode_to_vec()),
        ("a record of another key", range(&[("other", 2)], false, 1).encode_to_vec()),
        ("a record of the future", range(&[("outbox/a/1", 10)], false, 1).encode_to_vec()),
        ("a record twice", range(&[("outbox/a/1", 2); 2], false, 2).encode_to_vec()),
        (
            "two answers",
            TxnResponse {
                responses: [two.responses.clone(), two.responses.clone()].concat(),
                ..two
            }
            .encode_to_vec(),
        ),
    ];
    for ((name, answer), call) in cases.iter().flat_map(|it| calls().map(move |call| (it, call))) {
        let returned = call_with(&call, answer.clone());
        assert!(call.is_unanswered(&returned), "{name}, {call:?}: {returned:?}");
    }
}

#[test]
fn records_of_another_format_are_left_out_of_a_listing() {
    let answer = range(&[("outbox/a/1", 2), ("outbox/new/format/1", 2)], false, 2);
    let list = StoreCall::List(Folder::Outboxes, Revision(0));
    let Ok(Returned::Listing(listing)) = call_with(&list, answer.encode_to_vec()) else {
        panic!("the folder is listed")
    };
    assert_eq!(listing.records.len(), 1);
}

#[test]
fn a_failed_call_says_whether_it_may_have_taken_effect() {
    let status = |code, message: &str| GrpcError::Status { code, message: message.to_owned() };
    let cases = [
        (GrpcError::NotSent("too many calls".into()), false),
        (status(1, ""), true),
        (status(2, ""), true),
        (status(3, "etcdserver: duplicate key given in txn request"), false),
        (status(4, ""), true),
        (status(5, ""), false),
        (status(7, "etcdserver: permission denied"), false),
        (status(8, "etcdserver: mvcc: database space exceeded"), false),
        (status(9, ""), false),
        (status(10, ""), true),
        (status(11, "etcdserver: mvcc: required revision has been compacted"), false),
        (status(12, ""), false),
        (status(13, ""), true),
        (status(14, "etcdserver: no leader"), false),
        (status(14, "etcdserver: request timed out"), true),
        (status(14, "etcdserver: leader changed"), true),
        (status(15, ""), true),
        (status(16, "etcdserver: invalid auth token"), false),
        (status(99, ""), true),
    ];
    for (error, may_have_taken_effect) in cases {
        let failed = |call: StoreCall| {
            let answers = std::iter::repeat_n(Err(error.clone()), MAX_READS);
            poll_once(call.on(&ScriptedCalls::store(answers))).unwrap()
        };
        let text = error.to_string();
        let expected = match may_have_taken_effect {
            true => StoreError::Unknown(text.clone()),
            false => StoreError::Failed(text.clone()),
        };
        assert_eq!(failed(write()), Err(expected));
        assert_eq!(failed(StoreCall::Read(FleetRecord::State)), Err(StoreError::Failed(text)));
    }
}

/// Of several members one may be away, to which a part of the calls goes.
#[test]
fn a_read_is_tried_again_where_a_member_is_not_available() {
    let away = || Err(GrpcError::Status { code: 14, message: "connection refused".to_owned() });
    let there = || Ok(TxnResponse { header: header(1, 9), ..range(&[], false, 0) }.encode_to_vec());
    for (failures, is_read) in [(0, true), (1, true), (MAX_READS - 1, true), (MAX_READS, false)] {
        let answers = std::iter::repeat_with(away).take(failures).chain([there()]);
        let store = ScriptedCalls::store(answers);
        let read = poll_once(StoreCall::Read(FleetRecord::State).on(&store)).unwrap();
        assert_eq!(read.is_ok(), is_read, "{failures} failures: {read:?}");
    }
    // A write is not: nobody knows whether the first has taken effect.
    let store = ScriptedCalls::store([away(), there()]);
    assert!(poll_once(write().on(&store)).unwrap().is_err());
}

#[test]
fn another_cluster_and_lost_writes_are_noticed_once() {
    let missing = |cluster, revision| {
        let answer = TxnResponse { header: header(cluster, revision), ..range(&[], false, 0) };
        Ok(answer.encode_to_vec())
    };
    let answers = [
        missing(1, 9),
        missing(1, 9),
        missing(2, 20),
        missing(2, 20),
        missing(2, 19),
        missing(2, 19),
        missing(2, 30),
    ];
    let store = ScriptedCalls::store(answers);
    let noticed: Vec<_> = (0..7)
        .map(|_| {
            let returned = poll_once(store.read(&FleetRecord::State)).unwrap();
            let replacement = store.take_replacement();
            assert_eq!(returned.is_err(), replacement.is_some(), "{returned:?}");
            replacement
        })
        .collect();
    let other = "another etcd cluster answers, 2 instead of 1";
    let lost = "etcd has lost writes: it is at revision 19 and was at 20; it was wiped, or restored \
                from a backup";
    let expected = [None, None, Some(other), None, Some(lost), None, None];
    assert_eq!(noticed.iter().map(Option::as_deref).collect::<Vec<_>>(), expected);
}

proptest! {
    #[test]
    fn no_bytes_panic(answer in any::<Vec<u8>>()) {
        for call in calls() {
            let _ = call_with(&call, answer.clone());
        }
        let _ = Watch::new(b"key".to_vec()).receive(&answer, 0);
    }

    /// Answers that begin well: one byte of a recorded one is another.
    #[test]
    fn no_changed_answer_panics(which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte: u8) {
        let recorded = RecordedAnswer::read_all();
        let mut answer = which.get(&recorded).bytes();
        let at = at.index(answer.len());
        answer[at] = byte;
        for call in calls() {
            let _ = call_with(&call, answer.clone());
        }
    }
}
