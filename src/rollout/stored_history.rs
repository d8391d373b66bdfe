//! The history of a rollout's shares, as workers share it.

use std::cell::{Cell, RefCell};

use super::clocks::Clocks;
use super::snapshot::Snapshot;
use super::store::{Record, RolloutStore, StoreError, Update, read_decoded, update};
use crate::assignment::{
    Epoch, RollbackPolicy, Share, ShareHistory, ShareSetting, StartTime, StickyShare,
};

/// The history of a rollout's shares, as this worker has last read it.
#[derive(Debug)]
pub struct StoredHistory {
    max_age_ms: u64,
    on_rollback: RollbackPolicy,
    configured: ShareHistory,
    known: RefCell<ShareHistory>,
    /// By how many milliseconds the wall clock is ahead of the clock that dates shares and
    /// conversations.
    wall_clock_offset_ms: Cell<i64>,
}

// === impl StoredHistory ===

impl StoredHistory {
    /// A history that is not read yet.
    ///
    /// `configured` is the operator's history of the time before the stored one. Conversations
    /// that are older than `max_age_ms` do not keep their share. `on_rollback` says whether
    /// conversations keep it after a rollback.
    pub fn new(configured: ShareHistory, max_age_ms: u64, on_rollback: RollbackPolicy) -> Self {
        let (known, wall_clock_offset_ms) = (RefCell::default(), Cell::default());
        Self { max_age_ms, on_rollback, configured, known, wall_clock_offset_ms }
    }

    /// Sets by how many milliseconds the wall clock is ahead of the clock that dates shares and
    /// conversations, because it was set since. Conversations must not move when it is.
    pub fn set_wall_clock_offset_ms(&self, offset_ms: i64) {
        self.wall_clock_offset_ms.set(offset_ms);
    }

    /// The share that a conversation keeps; `None` before any share is known. `now_ms` is by the
    /// clock that dates shares and conversations.
    pub fn sticky_share(&self, start: StartTime, now_ms: u64) -> Option<StickyShare> {
        StickyShare::find(&*self.known.try_borrow().ok()?, start, now_ms, self.max_age_ms)
    }

    /// Reads the stored history.
    pub async fn refresh(&self, store: &impl RolloutStore) {
        let stored = read_decoded(store, Record::History).await;
        if let Ok(history) = stored {
            self.adopt(&history.unwrap_or_default());
        }
    }

    /// Records manual weights that are in force now.
    pub async fn record_weights(&self, store: &impl RolloutStore, share: Share, now: Clocks) {
        let weights = ShareSetting { share, analysed_share: Share::ALL, epoch: Epoch::MANUAL };
        self.record(store, weights, now).await;
    }

    /// Records a ramp's snapshot that is in force now.
    pub async fn record_snapshot(
        &self,
        store: &impl RolloutStore,
        snapshot: Snapshot,
        now: Clocks,
    ) {
        let Snapshot { share, analysed_share, epoch, .. } = snapshot;
        self.record(store, ShareSetting { share, analysed_share, epoch }, now).await;
    }

    async fn record(&self, store: &impl RolloutStore, setting: ShareSetting, now: Clocks) {
        let now_ms =
            now.unix_ms.saturating_add_signed(self.wall_clock_offset_ms.get().saturating_neg());
        let recorded = update(store, Record::History, |found: Option<ShareHistory>| {
            let mut history = found.unwrap_or_default();
            let is_new = history.record(now_ms, setting, self.on_rollback);
            Ok::<_, StoreError>(match is_new {
                true => Update::Write(history.clone(), history),
                false => Update::Keep(history),
            })
        });
        if let Ok(history) = recorded.await {
            self.adopt(&history);
        }
    }

    fn adopt(&self, stored: &ShareHistory) {
        if let Ok(mut known) = self.known.try_borrow_mut() {
            *known = stored.with_earlier(&self.configured);
        }
    }
}
