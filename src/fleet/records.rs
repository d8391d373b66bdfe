//! The records that the instances of a fleet write for each other.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::consumption::Consumed;
use super::generation::Generations;
use super::store::InstanceId;
use crate::analysis::Observation;
use crate::assignment::Epoch;
use crate::rollout::PublishedSnapshot;

/// What is in force: the record that every instance follows, written with each commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InForce {
    /// The fleet's time at the commit, in nanoseconds.
    pub clock_ns: u64,
    /// The outboxes whose evidence has been consumed.
    pub consumed: Consumed,
    /// The ramp's snapshot; `None` before the first reconcile.
    pub published: Option<PublishedSnapshot>,
    /// The configuration that decides.
    pub generations: Generations,
    /// The instance that has committed, and decides.
    pub decider: InstanceId,
    /// How many instances take part.
    pub instances: u32,
    /// The history of shares, as it is stored.
    pub history: Option<Vec<u8>>,
}

/// What the deciding instance needs beside the ramp's state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Participants(pub Vec<Participant>);

/// An instance, as the deciding one knows it from its outbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Participant {
    /// The instance.
    pub id: InstanceId,
    /// The sequence number of its latest outbox that was consumed.
    pub sequence: u64,
    /// When that was, in nanoseconds of the fleet's time.
    pub seen_ns: u64,
    /// The revision of the snapshot that it assigned by then.
    pub follows: u64,
    /// Green's share that it assigned by then, in basis points.
    pub green_bp: u32,
    /// Whether its configuration was the one that decides.
    pub is_current: bool,
    /// How many observations it has handed over.
    pub observations: u64,
    /// Whether it is not counted as an instance any more. Its sequence number is kept, since it may come
    /// back and hand over again what was consumed.
    pub is_gone: bool,
}

/// How many instances that have gone are remembered.
const MAX_GONE: usize = 1024;

/// The evidence that an instance hands over, and what the fleet must know of the instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outbox {
    /// Grows by one with each outbox of this instance. An outbox is consumed once.
    pub sequence: u64,
    /// The revision of the snapshot that the instance assigns by.
    pub follows: u64,
    /// Green's share that it assigns by, in basis points.
    pub green_bp: u32,
    /// The configuration that it has.
    pub fingerprint: u64,
    /// The rollback that the instance has made by itself.
    pub rollback: Option<LocalRollback>,
    /// Encoded observations, in the fleet's time.
    pub observations: Vec<u8>,
}

/// A rollback that one instance has made by itself, at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalRollback {
    /// The epoch that was in force.
    pub epoch: Epoch,
    /// The reason.
    pub why: String,
}

// === impl Participants ===

impl Participants {
    /// How many instances there are. One that was started again, or whose work another of its workers
    /// does now, is one.
    pub fn count(&self) -> u32 {
        let names: BTreeSet<&str> = self.present().map(|it| it.id.name.as_str()).collect();
        u32::try_from(names.len()).unwrap_or(u32::MAX)
    }

    /// The instances by name: the latest of each, with the observations of all.
    pub fn by_name(&self) -> Vec<Participant> {
        let mut by_name: BTreeMap<&str, Participant> = BTreeMap::new();
        for participant in self.present() {
            let found = by_name
                .entry(&participant.id.name)
                .or_insert_with(|| Participant { observations: 0, ..participant.clone() });
            let observations = found.observations + participant.observations;
            if participant.seen_ns >= found.seen_ns {
                *found = participant.clone();
            }
            found.observations = observations;
        }
        by_name.into_values().collect()
    }

    fn present(&self) -> impl Iterator<Item = &Participant> {
        self.0.iter().filter(|it| !it.is_gone)
    }

    /// Whether an outbox says something new: it was not consumed yet, or its instance is back.
    pub fn is_new(&self, id: &InstanceId, sequence: u64) -> bool {
        !self.present().any(|it| it.id == *id && it.sequence >= sequence)
    }

    /// The outboxes that were consumed, by their sequence numbers.
    pub fn sequences(&self) -> Consumed {
        Consumed::Sequences(self.present().map(|it| (it.id.boot, it.sequence)).collect())
    }

    /// Records that an outbox was consumed. Returns whether it is a new one; one that was consumed
    /// before must not count again.
    pub fn consume(
        &mut self,
        id: &InstanceId,
        outbox: &Outbox,
        is_current: bool,
        now_ns: u64,
    ) -> bool {
        let observations = Observation::decode_all(&outbox.observations).count();
        let mut seen = Participant {
            id: id.clone(),
            sequence: outbox.sequence,
            seen_ns: now_ns,
            follows: outbox.follows,
            green_bp: outbox.green_bp,
            is_current,
            observations: observations as u64,
            is_gone: false,
        };
        match self.0.iter_mut().find(|it| it.id == *id) {
            Some(known) if known.sequence >= outbox.sequence => {
                if known.is_gone {
                    (known.is_gone, known.seen_ns) = (false, now_ns);
                }
                return false;
            }
            Some(known) => {
                seen.observations += known.observations;
                *known = seen;
            }
            None => self.0.push(seen),
        }
        true
    }

    /// Marks participants that were seen last before a time of the fleet as gone, at most so many, and returns
    /// those. An instance that waits for its outbox to be consumed has not gone.
    pub fn mark_gone(
        &mut self,
        before_ns: u64,
        most: usize,
        waiting: &BTreeSet<InstanceId>,
    ) -> Vec<InstanceId> {
        let mut gone = Vec::new();
        let is_silent = |it: &&mut Participant| !it.is_gone && it.seen_ns < before_ns;
        let silent = self.0.iter_mut().filter(is_silent).filter(|it| !waiting.contains(&it.id));
        for participant in silent.take(most) {
            participant.is_gone = true;
            gone.push(participant.id.clone());
        }
        while self.0.iter().filter(|it| it.is_gone).count() > MAX_GONE {
            let gone = self.0.iter().enumerate().filter(|(_, it)| it.is_gone);
            let Some((oldest, _)) = gone.min_by_key(|(_, it)| it.seen_ns) else { break };
            self.0.remove(oldest);
        }
        gone
    }
}
