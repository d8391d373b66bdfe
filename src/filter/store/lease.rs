//! Which VM decides: a lease that a VM which is gone cannot hold.

use crate::filter::hostcalls::{CasToken, get_shared_data, set_shared_data};

/// How long a lease lasts that is not renewed, in nanoseconds: some ticks.
const LEASE_NS: u64 = 2_500_000_000;

/// How a VM may have the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Candidate {
    /// As any other.
    Current,
    /// Only if no other wants it: it has the settings of an older configuration. Better
    /// those than that nobody looks at the ramp.
    Outdated,
}

/// Takes or renews the lease under `key` for the VM `me`; whether it has it now.
pub fn try_acquire(key: &str, me: u64, now: u64, claim: Candidate) -> bool {
    let wanted = [me.to_le_bytes(), now.saturating_add(LEASE_NS).to_le_bytes()].concat();
    match get_shared_data(key) {
        Some((held, cas)) => {
            let is_free = match held.split_at_checked(8) {
                Some((holder, until))
                    if claim == Candidate::Outdated || holder != me.to_le_bytes() =>
                {
                    let until = until.try_into().map(u64::from_le_bytes).unwrap_or_default();
                    let left = if claim == Candidate::Outdated { LEASE_NS } else { 0 };
                    // One that lasts longer than a lease can is of another process's clock.
                    now >= until.saturating_add(left) || until > now.saturating_add(LEASE_NS)
                }
                _ => true,
            };
            drop(held);
            is_free && set_shared_data(key, &wanted, cas).is_ok()
        }
        // Where nothing is there yet, a comparison is not made: the last one has it.
        None => {
            set_shared_data(key, &wanted, CasToken::ANY).is_ok()
                && get_shared_data(key).is_some_and(|(held, _)| held.starts_with(&me.to_le_bytes()))
        }
    }
}
