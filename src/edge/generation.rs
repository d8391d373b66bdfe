//! Which configuration of a ramp is the newest. A VM that is left behind, of an older
//! module or for a stream that stays open, has the ramp's settings of then, and is not to
//! decide by them.

use super::host::{Cas, set_shared, shared};
use super::walker::FORMAT;

/// What tells a configuration from another, and from the same one run by a module that
/// writes its state differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation(u128);

// === impl Generation ===

impl Generation {
    /// Of this text.
    pub fn of(mut text: &[u8]) -> Self {
        // Reading memory cannot fail.
        Self(murmur3::murmur3_x64_128(&mut text, FORMAT).unwrap_or_default())
    }

    /// Notes under `key` that this is the newest; whether the host took it.
    ///
    /// Each VM is configured in the same order, so that whichever notes last, what is
    /// noted in the end is the newest.
    pub fn note(self, key: &str) -> bool {
        set_shared(key, &self.0.to_le_bytes(), Cas::ANY).is_ok()
    }

    /// Whether no other is noted under `key`.
    pub fn is_newest(self, key: &str) -> bool {
        shared(key).is_none_or(|(noted, _)| *noted == self.0.to_le_bytes())
    }
}
