//! Which configuration of a rollout is the newest.
//!
//! A VM of an older module, or one that Envoy keeps for an open stream, has an older configuration, and
//! must not reconcile the ramp by it.

use std::cell::Cell;

use super::hostcalls::{CasToken, get_shared_data, set_shared_data};
use super::keys::{STATE_VERSION, unversioned};
use crate::hash::hash_128;

/// Identifies a configuration, run by a module with this version of the shared state: a hash of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigRevision(u128);

/// Tracks whether this VM's configuration of a rollout is the newest.
pub struct RevisionTracker {
    key: String,
    /// The number of this configuration's last use when [`Self::check`] found another one to be the
    /// newest; `None` if it did not.
    outdated_since_use: Cell<Option<u64>>,
    /// Whether it has become the newest again since [`Self::take_return`].
    has_returned: Cell<bool>,
}

// === impl ConfigRevision ===

impl ConfigRevision {
    /// The revision of a configuration with this text.
    pub fn from_text(text: &[u8]) -> Self {
        Self(hash_128(text, STATE_VERSION))
    }

    /// Publishes under `key` that this is the newest. Returns whether the host has accepted it.
    ///
    /// Configurations begin in all VMs in the same order, so that the newest is published last,
    /// whichever VM is the last to publish.
    fn publish(self, key: &str) -> bool {
        set_shared_data(key, &self.0.to_le_bytes(), CasToken::ANY).is_ok()
    }

    /// Whether no other revision is published under `key`.
    fn is_published(self, key: &str) -> bool {
        get_shared_data(key).is_none_or(|(published, _)| *published == self.0.to_le_bytes())
    }
}

// === impl RevisionTracker ===

impl RevisionTracker {
    /// The tracker of `rollout`.
    pub fn new(rollout: &str) -> Self {
        let key = unversioned(rollout, "config");
        Self { key, outdated_since_use: Cell::default(), has_returned: Cell::default() }
    }

    /// A configuration begins in this VM: it is the newest.
    pub fn begin(&self, revision: ConfigRevision) {
        // If the host refuses it, `check` publishes it once more streams begin under it.
        let _ = revision.publish(&self.key);
        self.outdated_since_use.set(None);
    }

    /// Whether this configuration is published as the newest.
    pub fn is_current(&self, revision: ConfigRevision) -> bool {
        revision.is_published(&self.key)
    }

    /// Returns whether the configuration is the newest, and publishes it if it has become the newest
    /// again: Envoy may go back to it without configuring it, which shows in the streams that begin
    /// under it. `last_use` grows with each of them.
    pub fn check(&self, revision: ConfigRevision, last_use: u64) -> bool {
        if revision.is_published(&self.key) {
            self.outdated_since_use.set(None);
            return true;
        }
        let before = self.outdated_since_use.replace(Some(last_use));
        let returns = before.is_some_and(|before| last_use > before) && revision.publish(&self.key);
        self.has_returned.set(returns);
        returns
    }

    /// Whether the configuration has become the newest again without being configured. Only the first
    /// call after [`Self::check`] says so.
    pub fn take_return(&self) -> bool {
        self.has_returned.take()
    }
}
