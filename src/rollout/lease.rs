//! The lease that makes one worker the leader. It expires, so a worker that is gone cannot hold
//! it.

use super::store::{Record, RolloutStore, WriteCondition};

/// How long a lease lasts that is not renewed, in nanoseconds: a few ticks.
pub const LEASE_NS: u64 = 2_500_000_000;

/// A lease, as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The worker that holds it.
    pub holder: u64,
    /// When it expires, in nanoseconds of the monotonic clock.
    pub until_ns: u64,
}

/// Which claim a worker has to the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Candidate {
    /// The worker runs the current configuration.
    Current,
    /// The worker runs an older configuration. It may lead only if no other worker does: an
    /// outdated specification is better than none.
    Outdated,
}

// === impl Lease ===

impl Lease {
    /// A lease that begins now.
    pub fn new(holder: u64, now_ns: u64) -> Self {
        Self { holder, until_ns: now_ns.saturating_add(LEASE_NS) }
    }

    /// The stored form: the holder, then the expiry, little endian.
    pub fn encode(self) -> [u8; 16] {
        (u128::from(self.until_ns) << 64 | u128::from(self.holder)).to_le_bytes()
    }

    /// The lease with this stored form; `None` where the bytes are not one.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let both = u128::from_le_bytes(bytes.try_into().ok()?);
        Some(Self { holder: both as u64, until_ns: (both >> 64) as u64 })
    }

    /// Whether a worker may take this lease, or renew it.
    ///
    /// A worker with the current configuration may renew its own lease, and take one that has
    /// expired. An outdated one may do neither before it has been expired for as long again.
    pub fn is_available_to(self, worker: u64, candidate: Candidate, now_ns: u64) -> bool {
        let grace_ns = match candidate {
            Candidate::Current if self.holder == worker => return true,
            Candidate::Current => 0,
            Candidate::Outdated => LEASE_NS,
        };
        // A lease that lasts longer than leases do is from another process's clock.
        let is_from_another_clock = self.until_ns > now_ns.saturating_add(LEASE_NS);
        now_ns >= self.until_ns.saturating_add(grace_ns) || is_from_another_clock
    }
}

/// Takes or renews the lease for a worker. Returns whether the worker leads now.
pub async fn try_acquire(
    store: &impl RolloutStore,
    worker: u64,
    candidate: Candidate,
    now_ns: u64,
) -> bool {
    let Ok(found) = store.read(Record::Lease).await else { return false };
    let held = found.as_ref().and_then(|it| Lease::decode(&it.value));
    if held.is_some_and(|held| !held.is_available_to(worker, candidate, now_ns)) {
        return false;
    }
    let condition = WriteCondition::unchanged(found.as_ref());
    let wanted = Lease::new(worker, now_ns).encode();
    store.write(Record::Lease, &wanted, condition).await.is_ok()
}

/// Whether a worker holds the lease, as far as the store says: no other worker has taken it.
pub async fn is_held(store: &impl RolloutStore, worker: u64) -> bool {
    let found = store.read(Record::Lease).await.ok().flatten();
    found.and_then(|it| Lease::decode(&it.value)).is_some_and(|it| it.holder == worker)
}
