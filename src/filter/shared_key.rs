//! Random keys that all VMs of an Envoy process share.

use super::random::random_u64;
use super::store::hostcalls::{CasToken, get_shared_data, set_shared_data};
use super::store::keys::versioned;

/// The length of a key in bytes.
pub const KEY_BYTES: usize = 16;

/// The random key of a rollout with this name, made at the first call of the process. `None`
/// where shared data is not available.
pub fn shared_key(rollout: &str, name: &str) -> Option<[u8; KEY_BYTES]> {
    let name = versioned(rollout, name);
    let known = || {
        let (bytes, _) = get_shared_data(&name)?;
        <[u8; KEY_BYTES]>::try_from(&*bytes).ok()
    };
    if let Some(key) = known() {
        return Some(key);
    }
    // If another VM has made a key since, that one is kept, and read below.
    let _ = set_shared_data(&name, &random_key(), CasToken::ABSENT);
    known()
}

/// A random key that only this VM has.
pub fn random_key() -> [u8; KEY_BYTES] {
    let mut key = [0; KEY_BYTES];
    for half in key.chunks_exact_mut(8) {
        half.copy_from_slice(&random_u64().to_le_bytes());
    }
    key
}
