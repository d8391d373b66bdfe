//! The lease that makes one worker the leader.

use verdigris::rollout::Candidate;
use verdigris::rollout::lease::{LEASE_NS, Lease, try_acquire};
use verdigris::rollout::store::Record;

use super::memory_store::{MemoryStore, complete};

const NOW_NS: u64 = 1_000_000_000_000;
const HOLDER: u64 = 1;
const OTHER: u64 = 2;

#[test]
fn a_lease_is_decoded_as_it_was_encoded() {
    let lease = Lease { holder: 0x0102_0304_0506_0708, until_ns: u64::MAX - 1 };
    let bytes = lease.encode();
    assert_eq!(bytes[..8], lease.holder.to_le_bytes());
    assert_eq!(Lease::decode(&bytes), Some(lease));
    for wrong in [&bytes[..15], &[bytes.as_slice(), &[0]].concat(), &[]] {
        assert_eq!(Lease::decode(wrong), None, "{} bytes", wrong.len());
    }
}

/// The lease of another worker or of one's own, this long before its end or after it.
#[test]
fn a_lease_is_available_after_its_end_or_to_its_holder() {
    use Candidate::{Current, Outdated};
    let until_ns = NOW_NS + LEASE_NS;
    let table = [
        ("the holder renews it", HOLDER, Current, NOW_NS, true),
        ("it is held", OTHER, Current, until_ns - 1, false),
        ("it has expired", OTHER, Current, until_ns, true),
        ("an outdated holder does not renew it", HOLDER, Outdated, NOW_NS, false),
        ("it expired not long ago", OTHER, Outdated, until_ns + LEASE_NS - 1, false),
        ("nobody else has taken it", OTHER, Outdated, until_ns + LEASE_NS, true),
        ("the clock started again", OTHER, Current, NOW_NS - 1, true),
        ("the clock started again", OTHER, Outdated, NOW_NS - 1, true),
    ];
    for (what, worker, candidate, now_ns, is_available) in table {
        let lease = Lease::new(HOLDER, NOW_NS);
        assert_eq!(lease.is_available_to(worker, candidate, now_ns), is_available, "{what}");
    }
}

fn acquire(store: &MemoryStore, worker: u64, now_ns: u64) -> bool {
    complete(try_acquire(store, worker, Candidate::Current, now_ns))
}

#[test]
fn one_worker_has_the_lease() {
    let store = MemoryStore::default();
    assert!(acquire(&store, HOLDER, NOW_NS));
    assert!(!acquire(&store, OTHER, NOW_NS + 1));
    assert!(acquire(&store, HOLDER, NOW_NS + 2));
    assert!(acquire(&store, OTHER, NOW_NS + 2 + LEASE_NS));
    assert!(!acquire(&store, HOLDER, NOW_NS + 3 + LEASE_NS));
}

#[test]
fn a_worker_that_loses_the_race_does_not_lead() {
    let taken_by_other = |store: &MemoryStore| {
        store.put(Record::Lease, &Lease::new(OTHER, NOW_NS + LEASE_NS).encode());
    };
    let store = MemoryStore::default();
    store.before_write(Record::Lease, taken_by_other);
    assert!(!acquire(&store, HOLDER, NOW_NS));
    store.before_write(Record::Lease, taken_by_other);
    assert!(!acquire(&store, HOLDER, NOW_NS + 3 * LEASE_NS));
}

#[test]
fn nobody_leads_while_the_store_is_down() {
    let store = MemoryStore::default();
    store.is_down.set(true);
    assert!(!acquire(&store, HOLDER, NOW_NS));
}

#[test]
fn a_lease_that_cannot_be_decoded_is_replaced() {
    let store = MemoryStore::default();
    store.put(Record::Lease, b"nonsense");
    assert!(acquire(&store, HOLDER, NOW_NS));
}
