//! The key of signed exposures, which all workers share.

use std::hash::{BuildHasher as _, RandomState};

use super::hostcalls::{CasToken, get_shared_data, set_shared_data};
use super::store::keys::versioned;
use crate::feedback::ExposureKey;

/// The key of a rollout, made at the first call. Envoy configures the main thread's VM before the
/// workers' VMs, so that no two of them make one. If two did, some exposures could not be verified.
pub fn shared_key(rollout: &str) -> ExposureKey {
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
