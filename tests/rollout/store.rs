//! Changing a stored record by compare-and-swap.

use verdigris::assignment::Epoch;
use verdigris::rollout::store::{Record, StoreError, Update, poll_once, update};

use super::memory_store::{MemoryStore, complete};

const RECORD: Record = Record::History;

fn increment(store: &MemoryStore) -> Result<u64, StoreError> {
    complete(update(store, RECORD, |found: Option<u64>| {
        let count = found.unwrap_or_default() + 1;
        Ok(Update::Write(count, count))
    }))
}

fn encode(count: u64) -> Vec<u8> {
    postcard::to_allocvec(&count).unwrap()
}

#[test]
fn an_update_starts_again_after_a_conflict() {
    let store = MemoryStore::default();
    assert_eq!(increment(&store), Ok(1));
    store.before_write(RECORD, |store| store.put(RECORD, &encode(10)));
    assert_eq!(increment(&store), Ok(11));
    assert_eq!(store.get(RECORD), Some(encode(11)));
}

#[test]
fn an_update_gives_up_when_others_are_always_faster() {
    fn always_faster(store: &MemoryStore) {
        store.put(RECORD, &encode(7));
        store.before_write(RECORD, always_faster);
    }
    let store = MemoryStore::default();
    store.before_write(RECORD, always_faster);
    assert_eq!(increment(&store), Err(StoreError::Conflict));
    assert_eq!(store.get(RECORD), Some(encode(7)));
}

#[test]
fn an_update_replaces_a_value_that_cannot_be_decoded() {
    let store = MemoryStore::default();
    store.put(RECORD, &[]);
    assert_eq!(increment(&store), Ok(1));
}

#[test]
fn an_update_that_keeps_the_value_writes_nothing() {
    let store = MemoryStore::default();
    store.put(RECORD, &encode(3));
    store.before_write(RECORD, |_| panic!("nothing is to be written"));
    let kept = update(&store, RECORD, |found: Option<u64>| {
        Ok::<_, StoreError>(Update::<u64, _>::Keep(found))
    });
    assert_eq!(complete(kept), Ok(Some(3)));
}

#[test]
fn an_update_fails_while_the_store_is_down() {
    let store = MemoryStore::default();
    store.is_down.set(true);
    assert_eq!(increment(&store), Err(StoreError::Unavailable));
}

#[test]
fn a_store_that_answers_late_is_polled_again() {
    let store = MemoryStore::default();
    store.latency.set(3);
    assert_eq!(increment(&store), Ok(1));
    let once = update(&store, RECORD, |_: Option<u64>| Ok::<_, StoreError>(Update::Write(5, ())));
    assert_eq!(poll_once(once), None);
    assert_eq!(store.get(RECORD), Some(encode(1)));
}

/// Workers of one version find each other's records by these names.
#[test]
fn records_have_names() {
    let table = [
        (Record::Lease, "lease", false),
        (Record::State, "state", true),
        (Record::Snapshot, "in_force", true),
        (Record::History, "history", true),
        (Record::SeenUnits { epoch: Epoch::new(3), chunk: 1 }, "units.3.1", true),
    ];
    for (record, name, is_versioned) in table {
        assert_eq!((record.name().as_ref(), record.is_versioned()), (name, is_versioned));
    }
}
