//! The objects of rollouts in a stand-in of the Kubernetes API.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use verdigris::analysis::UnitFlags;
use verdigris::assignment::Epoch;
use verdigris::fleet::kubernetes::{KubernetesStore, Names};
use verdigris::fleet::{
    FleetRecord, FleetStore, Folder, InstanceId, Revision, StoreError, Transaction, format,
};
use verdigris::rollout::store::poll_once;

use crate::faulty_api::{ApiCalls, FaultyApi};
use crate::kube_api::NAMESPACE;
use crate::test_store::TestStore as _;

type Store = KubernetesStore<ApiCalls>;

fn outbox(name: &str, boot: u64) -> FleetRecord {
    FleetRecord::Outbox(InstanceId { name: name.to_owned(), boot })
}

fn commit(
    store: &Store,
    guard: (FleetRecord, Option<Revision>),
    puts: Vec<(FleetRecord, Vec<u8>)>,
    deletes: Vec<FleetRecord>,
) -> Result<Revision, StoreError> {
    poll_once(store.commit(Transaction { guards: vec![guard], puts, deletes, deletes_up_to: None }))
        .unwrap()
}

/// Writes an outbox that does not exist.
fn create_outbox(
    store: &Store,
    record: &FleetRecord,
    value: &[u8],
) -> Result<Revision, StoreError> {
    commit(store, (record.clone(), None), vec![(record.clone(), value.to_vec())], Vec::new())
}

/// Commits a decision that writes these records, and deletes those without a value.
fn decide(
    store: &Store,
    guard: Option<Revision>,
    puts: Vec<(FleetRecord, Vec<u8>)>,
) -> Result<Revision, StoreError> {
    /// No two decisions are equal, as the fleet's time passes.
    static DECISIONS: AtomicU64 = AtomicU64::new(0);
    let number = DECISIONS.fetch_add(1, Ordering::Relaxed);
    let in_force = format!("in force: {number}").into_bytes();
    let (deletes, puts): (Vec<_>, Vec<_>) = puts.into_iter().partition(|(_, it)| it.is_empty());
    let puts = [vec![(FleetRecord::InForce, in_force)], puts].concat();
    let deletes = deletes.into_iter().map(|(record, _)| record).collect();
    commit(store, (FleetRecord::InForce, guard), puts, deletes)
}

fn list(store: &Store, folder: Folder) -> Vec<(FleetRecord, Vec<u8>)> {
    let listing = poll_once(store.list(folder, Revision(0))).unwrap().unwrap();
    let mut records: Vec<_> =
        listing.records.into_iter().map(|(record, found)| (record, found.value)).collect();
    records.sort();
    records
}

fn names(api: &FaultyApi) -> Vec<String> {
    api.backup().objects.into_keys().collect()
}

fn units(epoch: u32, chunk: usize) -> FleetRecord {
    FleetRecord::SeenUnits { epoch: Epoch::new(epoch), chunk }
}

/// A chunk with this many entries, as a decision writes it.
fn entries(count: usize, byte: u8) -> Vec<u8> {
    format::encode(&vec![byte; count * UnitFlags::ENCODED_BYTES]).unwrap()
}

#[test]
fn records_are_committed_read_guarded_listed_and_deleted() {
    let api = FaultyApi::default();
    let store = api.direct();
    let state = |value: &str| vec![(FleetRecord::State, value.as_bytes().to_vec())];
    assert_eq!(poll_once(store.read(&FleetRecord::InForce)).unwrap(), Ok(None));
    let first = decide(&store, None, state("one")).unwrap();
    assert_eq!(decide(&store, None, state("two")), Err(StoreError::Conflict));
    let second = decide(&store, Some(first), state("two")).unwrap();
    assert_eq!(decide(&store, Some(first), state("three")), Err(StoreError::Conflict));
    assert_eq!(api.get(&FleetRecord::State).as_deref(), Some(&b"two"[..]));
    // Records that a decision does not write stay.
    let participants = vec![(FleetRecord::Participants, b"all".to_vec())];
    let third = decide(&store, Some(second), participants).unwrap();
    assert_eq!(api.get(&FleetRecord::State).as_deref(), Some(&b"two"[..]));
    let (a, b) = (outbox("a", 1), outbox("b", 2));
    create_outbox(&store, &a, b"of a").unwrap();
    let written = create_outbox(&store, &b, b"of b").unwrap();
    assert_eq!(create_outbox(&store, &a, b"of a"), Err(StoreError::Conflict));
    let expected = [(a.clone(), b"of a".to_vec()), (b.clone(), b"of b".to_vec())];
    assert_eq!(list(&store, Folder::Outboxes), expected);
    // One that has changed since it was listed stays, and nothing is decided.
    commit(&store, (b.clone(), Some(written)), vec![(b.clone(), b"more".to_vec())], Vec::new())
        .unwrap();
    let puts = || vec![(FleetRecord::InForce, b"new".to_vec())];
    let guard = (FleetRecord::InForce, Some(third));
    let deleted = commit(&store, guard.clone(), puts(), vec![b.clone()]);
    assert_eq!(deleted, Err(StoreError::Conflict));
    assert_ne!(api.get(&FleetRecord::InForce).as_deref(), Some(&b"new"[..]));
    list(&store, Folder::Outboxes);
    commit(&store, guard, puts(), vec![b, outbox("never", 3)]).unwrap();
    assert_eq!(list(&store, Folder::Outboxes), [(a.clone(), b"of a".to_vec())]);
    // One that was not listed stays.
    let other = api.direct();
    for (is_listed, left) in [(false, 1), (true, 0)] {
        if is_listed {
            list(&other, Folder::Outboxes);
        }
        let found = poll_once(other.read(&FleetRecord::InForce)).unwrap().unwrap().unwrap();
        let guard = (FleetRecord::InForce, Some(found.revision));
        let puts = vec![(FleetRecord::InForce, b"another".to_vec())];
        commit(&other, guard, puts, vec![a.clone()]).unwrap();
        assert_eq!(list(&store, Folder::Outboxes).len(), left);
    }
}

/// Runs a call until its end.
fn wait<T>(call: impl Future<Output = T>) -> T {
    let mut call = pin!(call);
    loop {
        if let Poll::Ready(result) = call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return result;
        }
    }
}

/// An instance follows and has a command at the same time: their answers may come in another order.
#[test]
fn a_late_answer_does_not_replace_what_was_seen_since() {
    let api = FaultyApi::default();
    let state = |value: &str| vec![(FleetRecord::State, value.as_bytes().to_vec())];
    let first = decide(&api.direct(), None, state("one")).unwrap();
    let store = api.client();
    let mut late = pin!(store.read(&FleetRecord::State));
    let mut context = Context::from_waker(Waker::noop());
    // The call arrives, and is answered.
    for _ in 0..2 {
        assert!(late.as_mut().poll(&mut context).is_pending());
    }
    let second = decide(&api.direct(), Some(first), state("two")).unwrap();
    assert_eq!(wait(store.read(&FleetRecord::InForce)).unwrap().unwrap().revision, second);
    assert_eq!(late.as_mut().poll(&mut context), Poll::Ready(Err(StoreError::Conflict)));
    assert_eq!(wait(store.read(&FleetRecord::State)).unwrap().unwrap().value, b"two");
}

/// Those of the part before say nothing about the sizes of those that follow.
#[test]
fn no_part_of_a_list_has_more_outboxes_than_an_answer_can_have() {
    let api = FaultyApi::default();
    let store = api.direct();
    for boot in 0..200 {
        create_outbox(&store, &outbox("a", boot), b"small").unwrap();
    }
    api.take_calls();
    assert_eq!(list(&store, Folder::Outboxes).len(), 200);
    assert_eq!(api.take_calls().0, 7);
}

#[test]
fn what_is_not_one_object_is_not_sent() {
    let store = FaultyApi::default().direct();
    let (a, b) = (outbox("a", 1), outbox("b", 2));
    let value = || b"value".to_vec();
    let both = vec![(a.clone(), value()), (b.clone(), value())];
    let in_force = (FleetRecord::InForce, None);
    for (guard, puts) in [
        ((a.clone(), None), both),
        ((b, None), vec![(a.clone(), value())]),
        ((FleetRecord::State, None), vec![(FleetRecord::State, value())]),
        (in_force.clone(), vec![(a, value())]),
        ((outbox("a/b", 1), None), vec![(outbox("a/b", 1), value())]),
        ((outbox("", 1), None), vec![(outbox("", 1), value())]),
    ] {
        let result = commit(&store, guard.clone(), puts, Vec::new());
        assert!(matches!(result, Err(StoreError::Failed(_))), "{guard:?}: {result:?}");
    }
    let result = commit(&store, in_force, Vec::new(), vec![FleetRecord::State]);
    assert!(matches!(result, Err(StoreError::Failed(_))), "{result:?}");
}

#[test]
fn a_list_of_many_outboxes_is_read_in_parts() {
    let api = FaultyApi::default();
    let store = api.direct();
    let evidence = vec![7; 40_000];
    for boot in 0..100 {
        create_outbox(&store, &outbox("a", boot), &evidence).unwrap();
    }
    assert_eq!(list(&store, Folder::Outboxes).len(), 100);
    // Each part is passed on before the next one is read, so that not all are in memory.
    let mut since_call = Vec::new();
    api.take_calls();
    let mut each = |_, _| match (api.take_calls().0, since_call.last_mut()) {
        (0, Some(count)) => *count += 1,
        _ => since_call.push(1),
    };
    poll_once(store.list_each(Folder::Outboxes, Revision(0), &mut each)).unwrap().unwrap();
    assert_eq!(since_call, [32, 32, 32, 4]);
}

#[test]
fn full_chunks_are_objects_of_their_own_until_they_are_dropped() {
    let api = FaultyApi::default();
    let store = api.direct();
    let first = decide(&store, None, vec![(units(3, 0), entries(4095, 1))]).unwrap();
    assert_eq!(names(&api), ["verdigris-r-rollout"]);
    let puts = vec![(units(3, 0), entries(4096, 1)), (units(3, 1), entries(5, 2))];
    let second = decide(&store, Some(first), puts).unwrap();
    assert_eq!(names(&api).len(), 2);
    let expected = [(units(3, 0), entries(4096, 1)), (units(3, 1), entries(5, 2))];
    assert_eq!(list(&store, Folder::SeenUnits), expected);
    assert_eq!(api.get(&units(3, 0)), Some(entries(4096, 1)));
    // Another instance has the same view, and drops both.
    let other = api.direct();
    assert_eq!(list(&other, Folder::SeenUnits), expected);
    let dropped = vec![(units(3, 0), Vec::new()), (units(3, 1), Vec::new())];
    let third = decide(&other, Some(second), dropped).unwrap();
    assert_eq!(list(&api.direct(), Folder::SeenUnits), []);
    decide(&other, Some(third), Vec::new()).unwrap();
    assert_eq!(names(&api), ["verdigris-r-rollout"]);
}

#[test]
fn a_chunk_of_a_decision_that_failed_is_not_read_and_is_deleted_later() {
    let api = FaultyApi::default();
    let store = api.direct();
    let first = decide(&store, None, Vec::new()).unwrap();
    let late = api.direct();
    let second = decide(&store, Some(first), Vec::new()).unwrap();
    let failed = decide(&late, Some(first), vec![(units(3, 0), entries(4096, 1))]);
    assert_eq!(failed, Err(StoreError::Conflict));
    assert_eq!(names(&api).len(), 2);
    // What another one lists now may still be a part of a decision, until it has decided itself.
    let next = api.direct();
    assert_eq!(list(&next, Folder::SeenUnits), []);
    let third = decide(&next, Some(second), vec![(units(3, 0), entries(4096, 2))]).unwrap();
    assert_eq!(names(&api).len(), 3);
    decide(&next, Some(third), Vec::new()).unwrap();
    assert_eq!(names(&api).len(), 2);
    assert_eq!(list(&next, Folder::SeenUnits), [(units(3, 0), entries(4096, 2))]);
}

/// The log of 65,536 units of two steps, each with four entries, and 1,000 instances.
#[test]
fn the_rollouts_object_stays_below_the_limit_however_many_units_there_are() {
    let api = FaultyApi::default();
    let store = api.direct();
    let mut revision = decide(&store, None, vec![(FleetRecord::State, vec![1; 100_000])]).unwrap();
    for chunk in 0..64 {
        let puts = [3, 4].map(|epoch| (units(epoch, chunk), entries(4096, chunk as u8)));
        revision = decide(&store, Some(revision), puts.to_vec()).unwrap();
    }
    let puts = [3, 4].map(|epoch| (units(epoch, 64), entries(4095, 9)));
    decide(&store, Some(revision), puts.to_vec()).unwrap();
    let object = &api.backup().objects["verdigris-r-rollout"];
    assert!(object.to_string().len() < 400_000, "{} bytes", object.to_string().len());
    assert_eq!(list(&store, Folder::SeenUnits).len(), 130);
}

#[test]
fn an_object_that_is_too_large_is_refused_with_the_reason() {
    let store = FaultyApi::default().direct();
    let result = decide(&store, None, vec![(FleetRecord::State, vec![1; 1024 * 1024 + 1])]);
    let Err(StoreError::Failed(why)) = result else { panic!("{result:?}") };
    assert!(why.contains("422") && why.contains("at most 1048576 bytes"), "{why}");
}

#[test]
fn rollouts_whose_labels_are_equal_do_not_see_each_others_objects() {
    let api = FaultyApi::default();
    let calls = api.direct();
    let other = |rollout: &str| KubernetesStore::new(calls.calls().clone(), NAMESPACE, rollout);
    let stores = ["r", "-r", "r-", "--r"].map(other);
    for (index, store) in stores.iter().enumerate() {
        create_outbox(store, &outbox("a", index as u64), b"x").unwrap();
        decide(store, None, vec![(units(3, 0), entries(4096, index as u8))]).unwrap();
    }
    for (index, store) in stores.iter().enumerate() {
        assert_eq!(list(store, Folder::Outboxes), [(outbox("a", index as u64), b"x".to_vec())]);
        let chunk = entries(4096, index as u8);
        assert_eq!(list(store, Folder::SeenUnits), [(units(3, 0), chunk)]);
    }
}

#[test]
fn objects_of_others_with_the_same_labels_are_left_out() {
    let api = FaultyApi::default();
    let store = api.direct();
    let record = outbox("a", 1);
    create_outbox(&store, &record, b"x").unwrap();
    let mut objects = api.backup();
    let mut copy = objects.objects["verdigris-r-rollout.outbox-a-0000000000000001"].clone();
    copy["metadata"]["name"] = "somebody-elses".into();
    objects.objects.insert("somebody-elses".to_owned(), copy.clone());
    // A later format may have records that this one does not know.
    copy["metadata"]["name"] = "verdigris-r-rollout.outbox-new".into();
    copy["metadata"]["annotations"]["verdigris/record"] = "outbox/new/format/1".into();
    objects.objects.insert("verdigris-r-rollout.outbox-new".to_owned(), copy);
    api.restore(objects);
    assert_eq!(list(&store, Folder::Outboxes), [(record, b"x".to_vec())]);
}

#[test]
fn without_a_right_a_call_says_which() {
    for (verb, is_read) in [("get", true), ("create", false), ("patch", false), ("list", true)] {
        let api = FaultyApi::default();
        let store = api.direct();
        let revision = decide(&store, None, Vec::new()).unwrap();
        let mut backup = api.backup();
        backup.denied = vec![verb];
        api.restore(backup);
        let result = match (verb, is_read) {
            ("get", _) => poll_once(store.read(&FleetRecord::Keys)).unwrap().map(|_| ()),
            ("list", _) => {
                poll_once(store.list(Folder::Outboxes, Revision(0))).unwrap().map(|_| ())
            }
            ("create", _) => create_outbox(&store, &outbox("a", 1), b"x").map(|_| ()),
            _ => decide(&store, Some(revision), Vec::new()).map(|_| ()),
        };
        let Err(StoreError::Failed(why)) = result else { panic!("{verb}: {result:?}") };
        assert!(why.contains("403") && why.contains(&format!("cannot {verb}")), "{why}");
    }
}

proptest! {
    /// The stand-in has the rules of Kubernetes for names and labels.
    #[test]
    fn every_rollout_and_every_instance_have_names_that_kubernetes_accepts(
        rollout in "[a-z0-9-]{1,63}",
        instance in "[A-Za-z0-9._-]{1,128}",
        boot: u64,
    ) {
        let api = FaultyApi::default();
        let calls = api.direct();
        let store = KubernetesStore::new(calls.calls().clone(), NAMESPACE, &rollout);
        let record = outbox(&instance, boot);
        prop_assert!(create_outbox(&store, &record, b"x").is_ok());
        prop_assert!(decide(&store, None, vec![(units(boot as u32, 0), entries(4096, 1))]).is_ok());
        let keys = (FleetRecord::Keys, None);
        let puts = vec![(FleetRecord::Keys, b"keys".to_vec())];
        prop_assert!(commit(&store, keys, puts, Vec::new()).is_ok());
        prop_assert_eq!(list(&store, Folder::Outboxes), [(record, b"x".to_vec())]);
        prop_assert_eq!(list(&store, Folder::SeenUnits).len(), 1);
    }

    /// No two rollouts share an object.
    #[test]
    fn no_name_is_that_of_another_rollout(a in "[a-z0-9-]{1,20}", b in "[a-z0-9-]{1,20}") {
        prop_assume!(a != b);
        let all = |rollout: &str| {
            let names = Names::new(NAMESPACE, rollout);
            [names.of_rollout(), names.of_keys(), names.start_of(Folder::Outboxes)]
        };
        for (one, other) in all(&a).iter().flat_map(|it| all(&b).map(|other| (it.clone(), other))) {
            let is_below = one.starts_with(&format!("{other}."));
            prop_assert!(!is_below && one != other, "{one}, {other}");
        }
    }
}
