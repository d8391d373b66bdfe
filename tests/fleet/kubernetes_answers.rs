//! Answers of the Kubernetes API: those of the stand-in cut at any byte, those of others, and failures.

use std::cell::RefCell;
use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use proptest::prelude::*;
use serde_json::{Value, json};
use verdigris::callout::{HttpCalls, HttpError, HttpRequest, HttpResponse};
use verdigris::fleet::kubernetes::{KubernetesStore, base64 as own_base64};
use verdigris::fleet::{
    FleetRecord, FleetStore, Folder, InstanceId, Revision, StoreError, Transaction,
};
use verdigris::rollout::store::poll_once;

use crate::faulty_api::FaultyApi;
use crate::kube_api::{ApiRequest, KubeApi, NAMESPACE};
use crate::store_call::{Returned, StoreCall};
use crate::test_store::TestStore as _;

/// HTTP calls with answers that the test sets, in their order.
pub struct ScriptedHttp(RefCell<VecDeque<Result<HttpResponse, HttpError>>>);

impl ScriptedHttp {
    pub fn store(
        answers: impl IntoIterator<Item = Result<HttpResponse, HttpError>>,
    ) -> KubernetesStore<Self> {
        KubernetesStore::new(Self(RefCell::new(answers.into_iter().collect())), NAMESPACE, "r")
    }
}

impl HttpCalls for ScriptedHttp {
    async fn call(&self, _: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.0.borrow_mut().pop_front().expect("no more calls than answers")
    }
}

pub fn response(status: u16, body: impl Into<Vec<u8>>) -> Result<HttpResponse, HttpError> {
    Ok(HttpResponse { status, retry_after_s: None, body: body.into() })
}

fn outbox() -> FleetRecord {
    FleetRecord::Outbox(InstanceId { name: "a".to_owned(), boot: 7 })
}

fn put(record: FleetRecord, guard: Option<u64>) -> StoreCall {
    let puts = vec![(record.clone(), b"value".to_vec())];
    let guards = vec![(record, guard.map(Revision))];
    StoreCall::Commit(Transaction { guards, puts, ..Transaction::default() })
}

/// One call of each kind.
fn calls() -> [StoreCall; 9] {
    [
        StoreCall::Read(FleetRecord::InForce),
        StoreCall::Read(FleetRecord::State),
        StoreCall::Read(FleetRecord::Keys),
        StoreCall::Read(outbox()),
        StoreCall::List(Folder::Outboxes, Revision(0)),
        put(FleetRecord::InForce, None),
        put(FleetRecord::InForce, Some(3)),
        put(outbox(), Some(3)),
        put(FleetRecord::Keys, None),
    ]
}

fn call_with(
    call: &StoreCall,
    answer: Result<HttpResponse, HttpError>,
) -> Result<Returned, StoreError> {
    poll_once(call.on(&ScriptedHttp::store([answer]))).unwrap()
}

/// An API with a rollout, of which each call of [`calls`] that is not refused has an answer.
fn api() -> KubeApi {
    let store = FaultyApi::default();
    store.put(FleetRecord::InForce, b"in force".to_vec());
    store.put(FleetRecord::Keys, b"keys".to_vec());
    store.put(outbox(), b"evidence".to_vec());
    let direct = store.direct();
    let found = poll_once(direct.read(&FleetRecord::InForce)).unwrap().unwrap().unwrap();
    let transaction = Transaction {
        guards: vec![(FleetRecord::InForce, Some(found.revision))],
        puts: vec![(FleetRecord::State, b"state".to_vec())],
        ..Transaction::default()
    };
    poll_once(direct.commit(transaction)).unwrap().unwrap();
    store.backup()
}

fn get(api: &mut KubeApi, path: &str, accept: &str) -> Vec<u8> {
    let path = format!("/api/v1/namespaces/{NAMESPACE}/configmaps{path}");
    let (method, accept) = ("GET".to_owned(), accept.to_owned());
    let answer = api.answer(&ApiRequest { method, path, accept, ..ApiRequest::default() });
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    answer.body
}

/// The answers of the stand-in to reads.
fn answers() -> Vec<Vec<u8>> {
    let mut api = api();
    let metadata = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
    let list = "?labelSelector=verdigris%2Fkind%3Doutbox";
    vec![
        get(&mut api, "/verdigris-r-rollout", metadata),
        get(&mut api, "/verdigris-r-rollout", "application/json"),
        get(&mut api, "/verdigris-r-rollout.keys", "application/json"),
        get(&mut api, "/verdigris-r-rollout.outbox-a-0000000000000007", "application/json"),
        get(&mut api, list, "application/json"),
    ]
}

#[test]
fn an_answer_that_is_cut_at_any_byte_is_an_error() {
    for answer in answers() {
        for call in calls() {
            for size in 0..answer.len() {
                let returned = call_with(&call, response(200, &answer[..size]));
                assert!(call.is_unanswered(&returned), "{call:?} at {size}: {returned:?}");
            }
        }
    }
}

#[test]
fn each_answer_is_read_by_the_calls_that_it_answers_and_by_no_other() {
    let readable: Vec<Vec<usize>> = answers()
        .into_iter()
        .map(|answer| {
            let is_read = |call: &StoreCall| match call_with(call, response(200, answer.clone())) {
                Ok(_) => true,
                returned => {
                    assert!(call.is_unanswered(&returned), "{call:?}: {returned:?}");
                    false
                }
            };
            let calls = calls();
            let read = calls.iter().enumerate().filter(|(_, call)| is_read(call));
            read.map(|(index, _)| index).collect()
        })
        .collect();
    // Metadata of the rollout's object answers a write of it as well.
    assert_eq!(readable, [vec![0, 5, 6], vec![1], vec![2], vec![3], vec![4]]);
}

#[test]
fn what_is_not_the_object_that_was_asked_for_is_an_error() {
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 9] = [
        ("another rollout's", |it| it["metadata"]["name"] = json!("verdigris-other-rollout")),
        ("another kind", |it| it["kind"] = json!("Secret")),
        ("no kind", |it| it["kind"] = Value::Null),
        ("no version", |it| it["metadata"]["resourceVersion"] = Value::Null),
        ("version 0", |it| it["metadata"]["resourceVersion"] = json!("0")),
        ("a version of letters", |it| it["metadata"]["resourceVersion"] = json!("1a")),
        ("no metadata", |it| it["metadata"] = Value::Null),
        ("no annotations", |it| {
            it["metadata"]["annotations"] = Value::Null;
            it["binaryData"] = json!({"state": "?"});
        }),
        ("not base64", |it| {
            it["metadata"]["annotations"]["verdigris/in-force"] = json!("AA=A");
            it["binaryData"]["state"] = json!("A");
            it["binaryData"]["record"] = json!("AAA");
        }),
    ];
    for (answer, call) in answers().iter().zip(calls()).take(4) {
        for (name, change) in changes {
            let mut changed: Value = serde_json::from_slice(answer).unwrap();
            change(&mut changed);
            let returned = call_with(&call, response(200, changed.to_string()));
            assert!(call.is_unanswered(&returned), "{name}, {call:?}: {returned:?}");
        }
    }
    let mut other: Value = serde_json::from_slice(&answers()[3]).unwrap();
    other["metadata"]["annotations"]["verdigris/record"] = json!("outbox/b/0000000000000007");
    let returned = call_with(&calls()[3], response(200, other.to_string()));
    assert!(matches!(returned, Err(StoreError::Failed(_))), "{returned:?}");
}

/// What a failure means for a call that reads, creates or replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Means {
    Nothing,
    Conflict,
    Failed,
    Unknown,
}

fn meaning(returned: &Result<Returned, StoreError>) -> Means {
    match returned {
        Ok(Returned::Record(None)) => Means::Nothing,
        Ok(_) => panic!("{returned:?}"),
        Err(StoreError::Conflict) => Means::Conflict,
        Err(StoreError::Failed(_)) => Means::Failed,
        Err(StoreError::Unknown(_)) => Means::Unknown,
    }
}

#[test]
fn a_failed_call_says_whether_it_may_have_taken_effect() {
    use Means::{Conflict, Failed, Nothing, Unknown};
    let status = |code: u16, reason: &str| {
        let body = json!({
            "kind": "Status", "status": "Failure", "reason": reason, "code": code,
            "message": format!("a message of {code}"), "details": {"name": "x", "kind": "configmaps"},
        });
        response(code, body.to_string())
    };
    let page = |code| response(code, "<html><body>Bad gateway</body></html>");
    let namespace = json!({
        "kind": "Status", "reason": "NotFound", "code": 404, "message": "namespaces \"x\" not found",
        "details": {"name": "x", "kind": "namespaces"},
    });
    let not_sent = Err(HttpError::NotSent("64 calls are under way".to_owned()));
    let cases = [
        ("not sent", not_sent, [Failed, Failed, Failed]),
        ("cut short", Err(HttpError::CutShort), [Failed, Unknown, Unknown]),
        ("unreadable", Err(HttpError::Unreadable("x".into())), [Failed, Unknown, Unknown]),
        ("401", status(401, "Unauthorized"), [Failed, Failed, Failed]),
        ("403", status(403, "Forbidden"), [Failed, Failed, Failed]),
        ("404", status(404, "NotFound"), [Nothing, Conflict, Conflict]),
        ("404 of a namespace", response(404, namespace.to_string()), [Failed, Failed, Failed]),
        ("404 of a proxy", page(404), [Failed, Failed, Failed]),
        ("409", status(409, "Conflict"), [Failed, Conflict, Conflict]),
        ("409 exists", status(409, "AlreadyExists"), [Failed, Conflict, Conflict]),
        ("409 of a proxy", page(409), [Failed, Unknown, Unknown]),
        ("410", status(410, "Expired"), [Failed, Failed, Failed]),
        ("413", page(413), [Failed, Failed, Failed]),
        ("422", status(422, "Invalid"), [Failed, Failed, Failed]),
        ("429", status(429, "TooManyRequests"), [Failed, Failed, Failed]),
        ("500", status(500, "InternalError"), [Failed, Unknown, Unknown]),
        ("502", page(502), [Failed, Unknown, Unknown]),
        ("503", page(503), [Failed, Unknown, Unknown]),
        ("504", page(504), [Failed, Unknown, Unknown]),
        ("302", page(302), [Failed, Unknown, Unknown]),
        ("a page with 200", page(200), [Failed, Unknown, Unknown]),
        ("nothing with 200", response(200, ""), [Failed, Unknown, Unknown]),
        ("33 MiB of blanks", response(200, vec![b' '; 33 << 20]), [Failed, Unknown, Unknown]),
    ];
    for (name, answer, expected) in cases {
        let reads = [FleetRecord::InForce, FleetRecord::State, FleetRecord::Keys, outbox()];
        for record in reads {
            let returned = call_with(&StoreCall::Read(record), answer.clone());
            assert_eq!(meaning(&returned), expected[0], "{name}: {returned:?}");
        }
        for record in [FleetRecord::InForce, outbox()] {
            for (guard, expected) in [(None, expected[1]), (Some(3), expected[2])] {
                let call = put(record.clone(), guard);
                let returned = call_with(&call, answer.clone());
                assert_eq!(meaning(&returned), expected, "{name}, {call:?}: {returned:?}");
            }
        }
    }
    let returned = call_with(&calls()[0], status(403, "Forbidden"));
    let text = "the Kubernetes API answers 403: a message of 403";
    assert_eq!(returned, Err(StoreError::Failed(text.to_owned())));
}

#[test]
fn after_a_failure_the_store_is_left_alone_for_as_long_as_it_asks() {
    let failed = |status, retry_after_s| {
        Ok(HttpResponse { status, retry_after_s, body: b"slow down".to_vec() })
    };
    let cases = [
        (failed(429, Some(7)), Some(7)),
        (failed(503, Some(2)), Some(2)),
        (failed(429, Some(u32::MAX)), Some(300)),
        (failed(429, None), Some(0)),
        (failed(403, None), Some(0)),
        (Err(HttpError::CutShort), Some(0)),
    ];
    for (answer, pause_s) in cases {
        let store = ScriptedHttp::store([answer]);
        poll_once(store.read(&FleetRecord::InForce)).unwrap().unwrap_err();
        assert_eq!((store.take_pause_s(), store.take_pause_s()), (pause_s, None));
    }
    let missing = json!({
        "kind": "Status", "reason": "NotFound", "details": {"kind": "configmaps"},
    });
    let store = ScriptedHttp::store([response(404, missing.to_string())]);
    assert_eq!(poll_once(store.read(&FleetRecord::InForce)).unwrap(), Ok(None));
    assert_eq!(store.take_pause_s(), None);
}

#[test]
fn a_list_that_does_not_continue_is_an_error() {
    let list = json!({
        "kind": "ConfigMapList", "metadata": {"resourceVersion": "9", "continue": "x"}, "items": [],
    });
    let store = ScriptedHttp::store(std::iter::repeat_n(response(200, list.to_string()), 2));
    let listed = poll_once(store.list(Folder::Outboxes, Revision(0))).unwrap();
    assert!(matches!(listed, Err(StoreError::Failed(_))), "{listed:?}");
}

proptest! {
    #[test]
    fn no_bytes_panic(body in any::<Vec<u8>>(), status in 100..600_u16) {
        for call in calls() {
            let _ = call_with(&call, response(status, body.clone()));
        }
    }

    /// One byte of an answer is another.
    #[test]
    fn no_changed_answer_panics(which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte: u8) {
        let mut answer = which.get(&answers()).clone();
        let at = at.index(answer.len());
        answer[at] = byte;
        for call in calls() {
            let _ = call_with(&call, response(200, answer.clone()));
        }
    }

    #[test]
    fn base64_is_that_of_others(bytes in any::<Vec<u8>>(), text in "[A-D/+=]{0,12}") {
        prop_assert_eq!(own_base64::encode(&bytes), BASE64.encode(&bytes));
        prop_assert_eq!(own_base64::decode(&BASE64.encode(&bytes)), Some(bytes));
        prop_assert_eq!(own_base64::decode(&text), BASE64.decode(&text).ok());
    }
}
