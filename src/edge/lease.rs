//! Which VM decides: a lease that a VM which is gone cannot hold.

use super::host::{Cas, set_shared, shared};

/// How long a lease lasts that is not renewed, in nanoseconds: some ticks.
const LASTS: u64 = 2_500_000_000;

/// How a VM may have the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// As any other.
    Own,
    /// Only if no other wants it: it has the settings of an older configuration. Better
    /// those than that nobody looks at the ramp.
    Spare,
}

/// Takes or renews the lease under `key` for the VM `me`; whether it has it now.
pub fn hold(key: &str, me: u64, now: u64, claim: Claim) -> bool {
    let wanted = [me.to_le_bytes(), now.saturating_add(LASTS).to_le_bytes()].concat();
    match shared(key) {
        Some((held, cas)) => {
            let is_free = match held.split_at_checked(8) {
                Some((holder, until)) if claim == Claim::Spare || holder != me.to_le_bytes() => {
                    let until = until.try_into().map(u64::from_le_bytes).unwrap_or_default();
                    let left = if claim == Claim::Spare { LASTS } else { 0 };
                    // One that lasts longer than a lease can is of another process's clock.
                    now >= until.saturating_add(left) || until > now.saturating_add(LASTS)
                }
                _ => true,
            };
            drop(held);
            is_free && set_shared(key, &wanted, cas).is_ok()
        }
        // Where nothing is there yet, a comparison is not made: the last one has it.
        None => {
            set_shared(key, &wanted, Cas::ANY).is_ok()
                && shared(key).is_some_and(|(held, _)| held.starts_with(&me.to_le_bytes()))
        }
    }
}
