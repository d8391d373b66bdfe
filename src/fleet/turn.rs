//! Whose turn it is to decide.
//!
//! One instance decides, so that only one lists the outboxes of all: the one that did last, as long as
//! it commits. If it is silent, another instance takes over. Which instance is first does not matter, because a
//! commit is guarded: of two that try, one changes nothing.

use super::follower::{Followed, Follower};
use super::generation::ConfigStatus;
use super::store::InstanceId;

/// What an instance knows when it asks whether it is its turn.
#[derive(Clone, Copy, Debug)]
pub struct Turn<'a> {
    /// The instance.
    pub id: &'a InstanceId,
    /// How often an instance talks to the store, in nanoseconds.
    pub interval_ns: u64,
    /// What it knows of what is in force.
    pub follower: &'a Follower,
    /// The fingerprint of its configuration.
    pub fingerprint: u64,
    /// Whether its configuration has replaced another configuration, and was not announced since.
    pub has_changed_configuration: bool,
    /// Its monotonic clock, in nanoseconds.
    pub now_ns: u64,
}

/// Another instance takes over once the deciding one has not committed for this many intervals.
const SILENT_INTERVALS: u64 = 6;
/// Each instance waits up to this many intervals longer, so that they do not take over at the same time.
const SPREAD_INTERVALS: u64 = 4;
/// An instance with a superseded configuration waits this many times as long.
const SUPERSEDED_FACTOR: u64 = 3;
/// If the store has lost the ramp, the instance that decided last restores it at once, since it knows most.
/// The others restore it after this many intervals.
const RESTORE_INTERVALS: u64 = 1;
/// An instance that does not know the ramp, and finds no ramp in the store, begins one after this many
/// intervals: if the store was wiped, the instances that know the ramp restore it first.
const EMPTY_INTERVALS: u64 = 3;

// === impl Turn ===

impl Turn<'_> {
    /// Whether it is this instance's turn, after what it has just learned.
    pub fn is_own(&self, followed: Followed) -> bool {
        let follower = self.follower;
        let silent_ns = follower.silent_ns(self.now_ns);
        // All instances learn at the same time that the store has lost what they know. They wait for different
        // times, so that one of them decides.
        let after = |intervals: u64| {
            let waits_ns = self.interval_ns.saturating_mul(intervals);
            silent_ns >= waits_ns.saturating_add(self.spread_ns() / SPREAD_INTERVALS)
        };
        if followed == Followed::Nothing {
            return after(EMPTY_INTERVALS);
        }
        let patience_ns =
            self.interval_ns.saturating_mul(SILENT_INTERVALS).saturating_add(self.spread_ns());
        let Some(in_force) = follower.in_force() else { return false };
        let status =
            in_force.generations.status_of(self.fingerprint, self.has_changed_configuration);
        let is_decider = follower.is_decider(self.id);
        match (status, follower.lost().is_some()) {
            (ConfigStatus::New | ConfigStatus::Current, true) => {
                is_decider || after(RESTORE_INTERVALS)
            }
            (ConfigStatus::New, false) => true,
            (ConfigStatus::Current, false) | (ConfigStatus::Superseded, true) => {
                is_decider || silent_ns >= patience_ns
            }
            (ConfigStatus::Superseded, false) => {
                silent_ns >= patience_ns.saturating_mul(SUPERSEDED_FACTOR)
            }
        }
    }

    /// How long this instance waits longer than others may, by its boot's random number.
    fn spread_ns(&self) -> u64 {
        let range_ns = u128::from(self.interval_ns.saturating_mul(SPREAD_INTERVALS));
        ((u128::from(self.id.boot) * range_ns) >> u64::BITS) as u64
    }
}
