//! What a VM needs to receive feedback: the key of signed exposures, and the rate limiter.

use std::cell::RefCell;
use std::hash::{BuildHasher as _, RandomState};

use super::hostcalls::{CasToken, get_shared_data, set_shared_data};
use super::store::keys::versioned;
use crate::config::FeedbackConfig;
use crate::feedback::{ExposureKey, RateLimiter};

/// The key of signed exposures, and how often each unit may send feedback.
pub struct FeedbackReceiver {
    /// The key that all workers share.
    pub key: ExposureKey,
    limiter: RefCell<RateLimiter>,
}

// === impl FeedbackReceiver ===

impl FeedbackReceiver {
    /// The receiver of `rollout`.
    pub fn new(rollout: &str, config: &FeedbackConfig) -> Self {
        let limiter = RefCell::new(RateLimiter::new(config.max_per_minute));
        Self { key: shared_key(rollout), limiter }
    }

    /// Whether a unit with this hash may send feedback at `now_ns`, of the monotonic clock.
    pub fn allow(&self, unit: u64, now_ns: u64) -> bool {
        self.limiter.try_borrow_mut().is_ok_and(|mut limiter| limiter.allow(unit, now_ns))
    }
}

/// The key that all workers share. Envoy configures the main thread's VM before it does the
/// workers', so that no two of them make one; and if two did, votes would be unproved.
fn shared_key(rollout: &str) -> ExposureKey {
    let name = versioned(rollout, "receipts");
    let known = || get_shared_data(&name).and_then(|(bytes, _)| ExposureKey::from_bytes(&bytes));
    if let Some(key) = known() {
        return key;
    }
    let mut new = [0; ExposureKey::LENGTH];
    for half in new.chunks_exact_mut(8) {
        half.copy_from_slice(&RandomState::new().hash_one(rollout).to_le_bytes());
    }
    let _ = set_shared_data(&name, &new, CasToken::ANY);
    known().or_else(|| ExposureKey::from_bytes(&new)).unwrap_or_default()
}
