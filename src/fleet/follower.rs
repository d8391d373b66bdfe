//! What an instance knows of what is in force.

use super::clock::FleetClock;
use super::format::{self, UnreadableRecord};
use super::records::InForce;
use super::store::{FoundRecord, InstanceId, Revision};
use crate::rollout::Phase;

/// What an instance knows of what is in force.
#[derive(Debug, Default)]
pub struct Follower {
    known: Option<(InForce, Revision)>,
    clock: Option<FleetClock>,
    /// When the record was last seen to change, on the instance's monotonic clock.
    changed_ns: u64,
    /// Set where the store has less than this instance knows.
    lost: Option<LostStore>,
    /// Whether the store lost a rollback that this instance knows, and the ramp started again.
    has_forgotten_rollback: bool,
    /// For how long a fleet may have been silent and still count as alive, in nanoseconds. `Some` from a change of
    /// the configured store until the first record of the new store is known.
    alive_within_ns: Option<u64>,
}

/// What a store has that has lost what an instance knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostStore {
    /// The revision of what it says is in force; `None`: nothing.
    pub revision: Option<Revision>,
}

/// What a record in the store means to this instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Followed {
    /// It is what the instance knows.
    Same,
    /// Another commit is in force.
    Changed,
    /// The store has an earlier commit than the instance knows, or lost it.
    Lost,
    /// Nothing was ever committed, as far as the instance knows.
    Nothing,
}

// === impl Follower ===

impl Follower {
    /// What is in force, with the revision of the record.
    pub fn known(&self) -> Option<&(InForce, Revision)> {
        self.known.as_ref()
    }

    /// What is in force.
    pub fn in_force(&self) -> Option<&InForce> {
        self.known.as_ref().map(|(in_force, _)| in_force)
    }

    /// The fleet's time at a time of this instance's monotonic clock, in nanoseconds; `None` before
    /// anything is known.
    pub fn fleet_ns(&self, own_ns: u64) -> Option<u64> {
        Some(self.clock?.fleet_ns(own_ns))
    }

    /// The fleet's time, as this instance knows it.
    pub fn clock(&self) -> Option<FleetClock> {
        self.clock
    }

    /// For how long the record has not changed, in nanoseconds.
    pub fn silent_ns(&self, now_ns: u64) -> u64 {
        now_ns.saturating_sub(self.changed_ns)
    }

    /// What the store has, if that is less than this instance knows.
    pub fn lost(&self) -> Option<LostStore> {
        self.lost
    }

    /// Whether this instance was the last to commit.
    pub fn is_decider(&self, id: &InstanceId) -> bool {
        self.in_force().is_some_and(|it| it.decider == *id)
    }

    /// Takes in the record as it was found now; `None`: it does not exist.
    ///
    /// # Errors
    /// [`UnreadableRecord`] where it has another form. What was known stays.
    pub fn adopt(
        &mut self,
        found: Option<FoundRecord>,
        now_ns: u64,
    ) -> Result<Followed, UnreadableRecord> {
        let Some(FoundRecord { value, revision }) = found else {
            return Ok(self.on_nothing_found(now_ns));
        };
        // The revisions of two stores are not compared.
        let is_known_store = self.alive_within_ns.is_none();
        if is_known_store && self.known.as_ref().is_some_and(|(_, known)| *known == revision) {
            self.lost = None;
            return Ok(Followed::Same);
        }
        let in_force: InForce = format::decode(&value)?;
        if self.is_earlier(&in_force) && !self.is_joining(&in_force, now_ns) {
            return Ok(self.on_lost(Some(revision), now_ns));
        }
        self.has_forgotten_rollback |= self.is_rolled_back_before(&in_force);
        self.set(in_force, revision, now_ns);
        Ok(Followed::Changed)
    }

    /// Whether the ramp started again since the last call, although this instance knows a rollback. An
    /// instance that does not know the rollback starts the ramp if the store has lost it.
    pub fn take_forgotten_rollback(&mut self) -> bool {
        std::mem::take(&mut self.has_forgotten_rollback)
    }

    /// Whether a watch has delivered this late: something newer is known. Only a store that orders its writes
    /// has a watch.
    pub fn is_late(&self, pushed: &FoundRecord) -> bool {
        let is_known_store = self.alive_within_ns.is_none();
        is_known_store && self.known.as_ref().is_some_and(|(_, known)| pushed.revision < *known)
    }

    /// The configuration names another store from now on. A fleet that goes on there is followed although this
    /// instance knows a later state: others have brought the ramp there before. One that has been silent for longer
    /// than `alive_within_ns` is as good as none.
    pub fn on_moved(&mut self, alive_within_ns: u64) {
        self.alive_within_ns = Some(alive_within_ns);
    }

    /// Notes what this instance has committed itself.
    pub fn on_committed(&mut self, in_force: InForce, revision: Revision, now_ns: u64) {
        self.set(in_force, revision, now_ns);
    }

    fn set(&mut self, in_force: InForce, revision: Revision, now_ns: u64) {
        let committed_ns = in_force.clock_ns;
        self.clock = Some(match self.clock {
            Some(clock) => clock.adjusted(committed_ns, now_ns),
            None => FleetClock::new(committed_ns, now_ns),
        });
        (self.changed_ns, self.lost, self.alive_within_ns) = (now_ns, None, None);
        self.known = Some((in_force, revision));
    }

    fn on_nothing_found(&mut self, now_ns: u64) -> Followed {
        if self.changed_ns == 0 {
            self.changed_ns = now_ns;
        }
        if self.known.is_none() {
            return Followed::Nothing;
        }
        self.on_lost(None, now_ns)
    }

    fn on_lost(&mut self, revision: Option<Revision>, now_ns: u64) -> Followed {
        if self.lost.replace(LostStore { revision }).is_none() {
            self.changed_ns = now_ns;
        }
        Followed::Lost
    }

    /// Whether this instance knows a rollback, and `found` is a ramp that started again with the same
    /// configuration, or was brought back by an instance that has not learned of the rollback. An operator starts a
    /// ramp again with another configuration, of a later generation.
    fn is_rolled_back_before(&self, found: &InForce) -> bool {
        let is_rolled_back = |it: &InForce| {
            it.published.is_some_and(|published| published.snapshot.phase == Phase::RolledBack)
        };
        let Some(known) = self.in_force() else { return false };
        let (before, after) = (&known.generations, &found.generations);
        let has_started_again = after.current == before.current && after.number <= before.number;
        has_started_again && is_rolled_back(known) && !is_rolled_back(found)
    }

    /// Whether others go on with the ramp in the store that the configuration names since recently.
    fn is_joining(&self, found: &InForce, now_ns: u64) -> bool {
        let fleet_ns = self.fleet_ns(now_ns).unwrap_or_default();
        let silent_ns = fleet_ns.saturating_sub(found.clock_ns);
        self.alive_within_ns.is_some_and(|alive_within_ns| silent_ns < alive_within_ns)
    }

    /// Whether the ramp's state in the store is from before the one that this instance knows.
    fn is_earlier(&self, found: &InForce) -> bool {
        let revision = |it: &InForce| it.published.map_or(0, |it| it.revision);
        self.in_force().is_some_and(|known| revision(found) < revision(known))
    }
}
