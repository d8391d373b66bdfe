//! The store on a real etcd behind a proxy that fails.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRng, TestRunner};
use verdigris::fleet::etcd::EtcdStore;
use verdigris::fleet::{FleetRecord, FleetStore, FoundRecord, Revision, StoreError, Transaction};

use crate::etcd_live::wait;
use crate::etcd_server::Etcd;
use crate::faulty_grpc::{Fault, FaultyGrpc};
use crate::grpc_client::GrpcClient;
use crate::tcp_gate::{Gate, TcpGate};

fn store(port: u16) -> EtcdStore<GrpcClient> {
    EtcdStore::new(GrpcClient::new(port), "/fleets", "assistant-v8")
}

/// Writes the state if it is the one that was found.
fn replace(found: Option<&FoundRecord>, value: &str) -> Transaction {
    Transaction {
        guards: vec![(FleetRecord::State, found.map(|it| it.revision))],
        puts: vec![(FleetRecord::State, value.as_bytes().to_vec())],
        ..Transaction::default()
    }
}

/// What a commit returns, without its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Returns {
    Done,
    Conflict,
    Failed,
    Unknown,
}

fn kind<T>(result: &Result<T, StoreError>) -> Returns {
    match result {
        Ok(_) => Returns::Done,
        Err(StoreError::Conflict) => Returns::Conflict,
        Err(StoreError::Failed(_)) => Returns::Failed,
        Err(StoreError::Unknown(_)) => Returns::Unknown,
    }
}

#[test]
fn each_fault_has_its_error_and_its_effect() {
    const RESOURCE_EXHAUSTED: u32 = 8;
    const UNAVAILABLE: u32 = 14;
    let etcd = Etcd::start();
    let proxy = FaultyGrpc::before(etcd.port(0));
    let (direct, faulty) = (store(etcd.port(0)), store(proxy.port));
    let cases = [
        (None, Returns::Done, true),
        (Some(Fault::LoseRequest), Returns::Unknown, false),
        (Some(Fault::LoseAnswer), Returns::Unknown, true),
        // Its guard does not hold the second time.
        (Some(Fault::Repeat), Returns::Conflict, true),
        (Some(Fault::RefuseWith(RESOURCE_EXHAUSTED)), Returns::Failed, false),
        (Some(Fault::RefuseWith(UNAVAILABLE)), Returns::Unknown, false),
        (Some(Fault::FailAfterwardsWith(UNAVAILABLE)), Returns::Unknown, true),
        (Some(Fault::HttpStatus(503)), Returns::Unknown, false),
        (Some(Fault::Page), Returns::Unknown, false),
        (Some(Fault::CutAnswer(0)), Returns::Unknown, true),
        (Some(Fault::CutAnswer(500)), Returns::Unknown, true),
        (Some(Fault::CutAnswer(999)), Returns::Unknown, true),
        (Some(Fault::Delay(Duration::from_millis(50))), Returns::Done, true),
    ];
    for (index, (fault, returns, has_effect)) in cases.into_iter().enumerate() {
        let before = wait(direct.read(&FleetRecord::State)).unwrap();
        proxy.set_faults(move |_| fault);
        let value = index.to_string();
        let returned = wait(faulty.commit(replace(before.as_ref(), &value)));
        assert_eq!(kind(&returned), returns, "{fault:?}: {returned:?}");
        let after = wait(direct.read(&FleetRecord::State)).unwrap();
        let is_written = after.is_some_and(|it| it.value == value.as_bytes());
        assert_eq!(is_written, has_effect, "{fault:?}");
        assert_eq!(proxy.take_calls(), [("/etcdserverpb.KV/Txn".to_owned(), fault)]);
    }
}

/// What goes wrong with a call, most often nothing.
fn any_fault() -> impl Strategy<Value = Option<Fault>> {
    prop_oneof![
        4 => Just(None),
        1 => Just(Some(Fault::LoseRequest)),
        1 => Just(Some(Fault::LoseAnswer)),
        1 => Just(Some(Fault::Repeat)),
        1 => prop::sample::select(vec![4_u32, 8, 13, 14]).prop_map(|it| Some(Fault::RefuseWith(it))),
        1 => prop::sample::select(vec![4_u32, 13, 14])
            .prop_map(|it| Some(Fault::FailAfterwardsWith(it))),
        1 => Just(Some(Fault::HttpStatus(503))),
        1 => (0..1000_u16).prop_map(|it| Some(Fault::CutAnswer(it))),
    ]
}

/// Writers that each read the record and append their mark, through calls that fail. A mark is there
/// exactly once if its commit succeeded, and at most once if its success is unknown or it was in
/// conflict; it is not there if the commit failed.
#[test]
fn no_commit_is_lost_or_applied_twice_whatever_goes_wrong() {
    let etcd = Etcd::start();
    let proxy = FaultyGrpc::before(etcd.port(0));
    let (direct, faulty) = (store(etcd.port(0)), store(proxy.port));
    let config = Config { cases: 50, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(config.rng_algorithm);
    let schedule = prop::collection::vec((any_fault(), any_fault()), 1..12);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let result = runner.run(&schedule, |schedule| {
        let mut faults = schedule.iter().flat_map(|(read, commit)| [*read, *commit]);
        let faults: Vec<_> = faults.by_ref().collect();
        let state = FleetRecord::State;
        let removed = Transaction { deletes: vec![state.clone()], ..Transaction::default() };
        wait(direct.commit(removed)).unwrap();
        let mut returned = Vec::new();
        for (index, pair) in faults.chunks(2).enumerate() {
            let (read_fault, commit_fault) = (pair[0], pair[1]);
            proxy.set_faults(move |_| read_fault);
            let found = match wait(faulty.read(&state)) {
                Ok(found) => found,
                Err(error) => {
                    prop_assert_eq!(kind::<()>(&Err(error)), Returns::Failed);
                    continue;
                }
            };
            let expected = wait(direct.read(&state)).unwrap();
            prop_assert_eq!(&found, &expected, "a read is right, or an error");
            let text = found.as_ref().map_or("", |it| str::from_utf8(&it.value).unwrap());
            let value = format!("{text}[{index}]");
            proxy.set_faults(move |_| commit_fault);
            let outcome = wait(faulty.commit(replace(found.as_ref(), &value)));
            returned.push((index, kind(&outcome)));
        }
        let value = wait(direct.read(&state)).unwrap().map(|it| it.value).unwrap_or_default();
        let value = String::from_utf8(value).unwrap();
        for (index, outcome) in returned {
            let count = value.matches(&format!("[{index}]")).count();
            let is_right = match outcome {
                Returns::Done => count == 1,
                Returns::Failed => count == 0,
                Returns::Conflict | Returns::Unknown => count <= 1,
            };
            prop_assert!(is_right, "{index} is {outcome:?} and there {count} times: {value}");
        }
        Ok(())
    });
    result.unwrap();
}

#[test]
fn a_connection_that_is_cut_after_any_number_of_bytes_is_an_error_and_never_a_partial_listing() {
    let etcd = Etcd::start();
    let revision = etcd.put("/fleets/assistant-v8/state", b"the state");
    let gate = TcpGate::before(etcd.port(0));
    let behind = store(gate.port);
    let whole = Some(FoundRecord { value: b"the state".to_vec(), revision: Revision(revision) });
    let (mut cut, mut size) = (0, 0);
    loop {
        gate.cut_answers_after(size);
        match wait(behind.read(&FleetRecord::State)) {
            Ok(found) => {
                assert_eq!(found, whole, "cut after {size} bytes");
                break;
            }
            Err(error) => assert_eq!(kind::<()>(&Err(error)), Returns::Failed),
        }
        (cut, size) = (cut + 1, size + 3);
    }
    assert!(cut > 10, "only {cut} connections were cut");
}

#[test]
fn a_closed_gate_is_an_error_and_an_opened_one_is_not() {
    let etcd = Etcd::start();
    let gate = TcpGate::before(etcd.port(0));
    let behind = store(gate.port);
    for _ in 0..3 {
        gate.set(Gate::Closed);
        let lost = wait(behind.commit(replace(None, "lost")));
        assert_eq!(kind(&lost), Returns::Unknown, "{lost:?}");
        gate.set(Gate::Open);
        assert_eq!(wait(behind.read(&FleetRecord::State)), Ok(None));
    }
    gate.set(Gate::BlackHole);
    let answered = wait(async {
        let read = behind.read(&FleetRecord::State);
        // The read ends once the gate is open, whether or not it has begun.
        let open = async { gate.set(Gate::Open) };
        tokio::join!(read, open).0
    });
    assert_eq!(answered, Ok(None));
}
