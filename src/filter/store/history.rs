//! Which shares were in force when, as the VMs share it.

use std::cell::RefCell;

use super::keys::versioned;
use super::shared_cell::{SharedCell, Update};
use crate::assignment::{
    RollbackPolicy, Share, ShareHistory, ShareSetting, StartTime, StickyShare,
};
use crate::config::ConversationConfig;
use crate::filter::hostcalls;
use crate::rollout::Snapshot;

/// The history of one rollout's shares.
pub struct HistoryStore {
    shared: SharedCell<ShareHistory>,
    max_age_ms: u64,
    on_rollback: RollbackPolicy,
    /// What the configuration says of the time before the shared history.
    configured: ShareHistory,
    /// The shared history as this VM has last read it, after what is configured.
    history: RefCell<ShareHistory>,
}

// === impl HistoryStore ===

impl HistoryStore {
    /// The history of `rollout`, as it is shared now.
    pub fn new(rollout: &str, conversations: &ConversationConfig) -> Self {
        let store = Self {
            shared: SharedCell::new(versioned(rollout, "history")),
            max_age_ms: conversations.max_age_ms,
            on_rollback: conversations.on_rollback,
            configured: conversations.history.clone(),
            history: RefCell::default(),
        };
        store.refresh();
        store
    }

    /// The share that a conversation keeps; `None` before any share is known.
    pub fn sticky_share(&self, start: StartTime, now_ms: u64) -> Option<StickyShare> {
        StickyShare::find(&*self.history.try_borrow().ok()?, start, now_ms, self.max_age_ms)
    }

    /// Reads what other VMs have recorded.
    pub fn refresh(&self) {
        self.adopt(&self.shared.get().unwrap_or_default());
    }

    /// Records the share of a rollout without a ramp.
    pub fn record_weights(&self, share: Share) {
        self.record(ShareSetting { share, analysed_share: Share::ALL, epoch: 0 });
    }

    /// Records what a ramp has in force.
    pub fn record_snapshot(&self, snapshot: Snapshot) {
        let Snapshot { share, analysed_share, epoch, .. } = snapshot;
        self.record(ShareSetting { share, analysed_share, epoch });
    }

    fn record(&self, setting: ShareSetting) {
        let Ok(now_ns) = hostcalls::wall_time_ns() else { return };
        let now_ms = now_ns / 1_000_000;
        let updated = self.shared.update(|found| {
            let mut history = found.unwrap_or_default();
            if history.record(now_ms, setting, self.on_rollback) {
                Update::Write(history.clone(), history)
            } else {
                Update::Keep(history)
            }
        });
        if let Some(history) = updated {
            self.adopt(&history);
        }
    }

    fn adopt(&self, history: &ShareHistory) {
        self.history.replace(history.with_earlier(&self.configured));
    }
}
