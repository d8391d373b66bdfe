//! Which configuration of a ramp is the newest. A VM that is left behind, of an older
//! module or for a stream that stays open, has the ramp's settings of then, and is not to
//! decide by them.

use std::cell::Cell;

use super::keys::{STATE_VERSION, unversioned};
use crate::filter::hostcalls::{CasToken, get_shared_data, set_shared_data};

/// What tells a configuration from another, and from the same one run by a module that
/// writes its state differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigRevision(u128);

/// Whether this VM's configuration of a rollout is the newest.
pub struct RevisionTracker {
    key: String,
    /// The latest use of this VM's configuration when it was last asked for, if another one
    /// was the newest then.
    outdated_since_use: Cell<Option<u64>>,
}

// === impl Generation ===

impl ConfigRevision {
    /// Of this text.
    pub fn from_text(mut text: &[u8]) -> Self {
        // Reading memory cannot fail.
        Self(murmur3::murmur3_x64_128(&mut text, STATE_VERSION).unwrap_or_default())
    }

    /// Notes under `key` that this is the newest; whether the host took it.
    ///
    /// Each VM is configured in the same order, so that whichever notes last, what is
    /// noted in the end is the newest.
    fn publish(self, key: &str) -> bool {
        set_shared_data(key, &self.0.to_le_bytes(), CasToken::ANY).is_ok()
    }

    /// Whether no other is noted under `key`.
    fn is_published(self, key: &str) -> bool {
        get_shared_data(key).is_none_or(|(noted, _)| *noted == self.0.to_le_bytes())
    }
}

// === impl Newest ===

impl RevisionTracker {
    /// Of this rollout.
    pub fn new(rollout: &str) -> Self {
        Self { key: unversioned(rollout, "config"), outdated_since_use: Cell::default() }
    }

    /// A configuration begins in this VM: it is the newest.
    pub fn on_configure(&self, generation: ConfigRevision) {
        // One that the host does not take is noted when streams go on beginning under it.
        let _ = generation.publish(&self.key);
        self.outdated_since_use.set(None);
    }

    /// Whether this configuration is the one that is noted.
    pub fn is_current(&self, generation: ConfigRevision) -> bool {
        generation.is_published(&self.key)
    }

    /// Whether the configuration is the newest. One that returns need not be configured
    /// again: that streams go on beginning under it tells that it is. `used` grows with each.
    pub fn check(&self, generation: ConfigRevision, used: u64) -> bool {
        if generation.is_published(&self.key) {
            self.outdated_since_use.set(None);
            return true;
        }
        let before = self.outdated_since_use.replace(Some(used));
        before.is_some_and(|before| used > before) && generation.publish(&self.key)
    }
}
