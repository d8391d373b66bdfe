//! What an instance knows of the fleet, and what it has done.

use super::decider::Decider;
use super::follower::Follower;
use super::outbox::OutboxSender;
use super::reconcile_outcome::ReconcileOutcome;
use super::records::{InForce, LocalRollback};
use super::store::{InstanceId, Revision, StoreError};
use crate::rollout::RampState;

/// What this instance knows of the fleet.
#[derive(Debug)]
pub(super) struct Protocol {
    pub(super) follower: Follower,
    pub(super) outbox: OutboxSender,
    pub(super) decider: Option<Decider>,
    /// A commit of unknown success.
    pub(super) unconfirmed: Option<Unconfirmed>,
    /// The revision of the record that cannot be read, once that is reported.
    pub(super) unreadable: Option<Revision>,
    /// When what is in force was last read, in nanoseconds of the monotonic clock; `None`: never.
    pub(super) followed_ns: Option<u64>,
    /// When the outboxes of all were last listed to decide, in the same nanoseconds; `None`: never.
    pub(super) listed_ns: Option<u64>,
    /// Why the last decision that was due failed, until one succeeds.
    pub(super) undecided: Option<StoreError>,
    /// Until when the store is not called, since a call has failed.
    pub(super) paused_until_ns: u64,
    /// When the outbox was filled last, in nanoseconds of the monotonic clock; `None`: never.
    pub(super) sent_ns: Option<u64>,
    /// When the state for the page was last read or written, in the same nanoseconds; `None`: never.
    pub(super) displayed_ns: Option<u64>,
    /// The local rollback that is in the outbox, or was consumed.
    pub(super) sent_rollback: Option<LocalRollback>,
    /// Whether this worker has put into shared data what it follows, since it is the one that does so.
    pub(super) is_published: bool,
    pub(super) are_keys_stored: bool,
    /// Which store the configuration names; `None` before the first step.
    store_id: Option<u64>,
}

/// A commit of unknown success.
#[derive(Debug)]
pub(super) struct Unconfirmed {
    /// What is in force if it has taken effect.
    pub(super) in_force: InForce,
    pub(super) outcome: ReconcileOutcome,
    /// The ramp's state if it has taken effect.
    pub(super) state: Option<RampState>,
}

// === impl Protocol ===

impl Protocol {
    /// Nothing is known yet.
    pub(super) fn new(id: &InstanceId) -> Self {
        Self {
            follower: Follower::default(),
            outbox: OutboxSender::new(id),
            decider: None,
            unconfirmed: None,
            unreadable: None,
            followed_ns: None,
            listed_ns: None,
            undecided: None,
            paused_until_ns: 0,
            sent_ns: None,
            displayed_ns: None,
            sent_rollback: None,
            is_published: false,
            are_keys_stored: false,
            store_id: None,
        }
    }

    /// Notes which store the configuration names. Another one than before has nothing that was written, and its
    /// fleet counts as alive if it has committed within `alive_within_ns`.
    pub(super) fn note_store(&mut self, store_id: u64, alive_within_ns: u64) {
        let before = self.store_id.replace(store_id);
        if before.is_some_and(|before| before != store_id) {
            self.outbox.on_store_replaced();
            self.follower.on_moved(alive_within_ns);
            (self.followed_ns, self.are_keys_stored, self.unconfirmed) = (None, false, None);
            self.paused_until_ns = 0;
        }
    }

    /// Takes over what another name of this instance knows of the fleet: a store that has lost it is noticed.
    pub(super) fn take_knowledge(&mut self, other: &mut Self) {
        self.follower = std::mem::take(&mut other.follower);
        (self.are_keys_stored, self.store_id) = (other.are_keys_stored, other.store_id);
    }
}

/// Whether something is due that is done every `every_ns` and was last done at `last_ns`, if ever.
pub(super) fn is_due(last_ns: Option<u64>, every_ns: u64, now_ns: u64) -> bool {
    last_ns.is_none_or(|last_ns| now_ns.saturating_sub(last_ns) >= every_ns)
}
