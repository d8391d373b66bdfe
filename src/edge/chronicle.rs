//! Which shares were in force when, as VMs share it.

use std::cell::RefCell;

use super::host::{self, Cas, set_shared, shared};
use super::walker::key_of_format;
use crate::assignment::{AnalysedShare, Share, ShareHistory, StartTime, StickyShare};
use crate::config::ConversationConfig;
use crate::rollout::Snapshot;

/// The history of one rollout's shares.
pub struct Chronicle {
    key: String,
    max_age_ms: u64,
    may_finish: bool,
    written: ShareHistory,
    /// What is shared, after what the operator wrote.
    known: RefCell<ShareHistory>,
}

/// How often a change is tried that other VMs come between.
const TRIES: usize = 4;

// === impl Chronicle ===

impl Chronicle {
    pub fn of(rollout: &str, conversations: &ConversationConfig) -> Self {
        let chronicle = Self {
            key: key_of_format(rollout, "history"),
            max_age_ms: conversations.max_age_ms,
            may_finish: conversations.may_finish,
            written: conversations.history.clone(),
            known: RefCell::default(),
        };
        chronicle.learn();
        chronicle
    }

    /// The share that a conversation has a claim to; `None` before any is known.
    pub fn claim(&self, began: StartTime, now_ms: u64) -> Option<StickyShare> {
        StickyShare::find(&*self.known.try_borrow().ok()?, began, now_ms, self.max_age_ms)
    }

    /// Learns what other VMs have noted.
    pub fn learn(&self) {
        let history = self.read().0.unwrap_or_default();
        self.know(&history);
    }

    /// Notes weights that are set by hand.
    pub fn follow_weights(&self, share: Share) {
        self.follow(share, AnalysedShare::MANUAL);
    }

    /// Notes what a ramp has in force.
    pub fn follow_ramp(&self, in_force: Snapshot) {
        let Snapshot { share, analysed_share, epoch, .. } = in_force;
        self.follow(share, AnalysedShare { epoch, share: analysed_share });
    }

    fn follow(&self, share: Share, analysed: AnalysedShare) {
        self.note(|history, now| history.record(now, share, analysed, self.may_finish));
    }

    fn note(&self, change: impl Fn(&mut ShareHistory, u64) -> bool) {
        let Ok(now) = host::wall_time() else { return };
        for _ in 0..TRIES {
            let (history, cas) = self.read();
            let mut history = history.unwrap_or_default();
            if !change(&mut history, now / 1_000_000) {
                return self.know(&history);
            }
            let Ok(bytes) = postcard::to_allocvec(&history) else { return };
            if set_shared(&self.key, &bytes, cas).is_ok() {
                return self.know(&history);
            }
        }
    }

    fn read(&self) -> (Option<ShareHistory>, Cas) {
        match shared(&self.key) {
            Some((bytes, cas)) => (postcard::from_bytes(&bytes).ok(), cas),
            None => (None, Cas::ANY),
        }
    }

    fn know(&self, history: &ShareHistory) {
        self.known.replace(history.with_earlier(&self.written));
    }
}
