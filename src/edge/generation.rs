//! Which configuration of a ramp is the newest. A VM that is left behind, of an older
//! module or for a stream that stays open, has the ramp's settings of then, and is not to
//! decide by them.

use std::cell::Cell;

use super::host::{Cas, set_shared, shared};
use super::walker::{FORMAT, key_of_all};

/// What tells a configuration from another, and from the same one run by a module that
/// writes its state differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation(u128);

/// Whether this VM's configuration of a rollout is the newest.
pub struct Newest {
    key: String,
    /// The latest use of this VM's configuration when it was last asked for, if another one
    /// was the newest then.
    left_behind: Cell<Option<u64>>,
}

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
    fn note(self, key: &str) -> bool {
        set_shared(key, &self.0.to_le_bytes(), Cas::ANY).is_ok()
    }

    /// Whether no other is noted under `key`.
    fn is_newest(self, key: &str) -> bool {
        shared(key).is_none_or(|(noted, _)| *noted == self.0.to_le_bytes())
    }
}

// === impl Newest ===

impl Newest {
    /// Of this rollout.
    pub fn of(rollout: &str) -> Self {
        Self { key: key_of_all(rollout, "config"), left_behind: Cell::default() }
    }

    /// A configuration begins in this VM: it is the newest.
    pub fn begin(&self, generation: Generation) {
        // One that the host does not take is noted when streams go on beginning under it.
        let _ = generation.note(&self.key);
        self.left_behind.set(None);
    }

    /// Whether this configuration is the one that is noted.
    pub fn has_noted(&self, generation: Generation) -> bool {
        generation.is_newest(&self.key)
    }

    /// Whether the configuration is the newest. One that returns need not be configured
    /// again: that streams go on beginning under it tells that it is. `used` grows with each.
    pub fn is(&self, generation: Generation, used: u64) -> bool {
        if generation.is_newest(&self.key) {
            self.left_behind.set(None);
            return true;
        }
        let before = self.left_behind.replace(Some(used));
        before.is_some_and(|before| used > before) && generation.note(&self.key)
    }
}
