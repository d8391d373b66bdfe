//! The outboxes that one decision takes in.

use std::collections::{BTreeMap, BTreeSet};

use super::format::{self, UnreadableRecord};
use super::records::{Outbox, Participants};
use super::store::{FleetRecord, FoundRecord, InstanceId, Revision};
use crate::analysis::Observation;

/// The outboxes that one decision takes in, and those that could not be read.
#[derive(Debug, Default)]
pub(super) struct ReadOutboxes {
    /// Those that were not consumed yet, the oldest first, as many as one decision takes in.
    new: BTreeMap<(Revision, InstanceId), NewOutbox>,
    /// How many observations they have.
    observations: usize,
    /// The revision of the first one that is left for the next decision.
    pub(super) left: Option<Revision>,
    /// The instances whose outboxes this decision does not consume. They may not have gone.
    pub(super) unconsumed: BTreeSet<InstanceId>,
    unreadable: Vec<(FleetRecord, Revision, UnreadableRecord)>,
}

#[derive(Debug)]
struct NewOutbox {
    outbox: Outbox,
    observations: usize,
}

/// How many observations a decision takes in, beside those of the outbox that exceeds this. Each may add a
/// unit of 16 bytes, so that a commit stays well under the 1.5 MiB that etcd accepts.
const MAX_OBSERVATIONS: usize = 24_000;

// === impl ReadOutboxes ===

impl ReadOutboxes {
    /// Takes an outbox of a listing, in any order. After an outage of the store, all are full: those that are left
    /// for later decisions do not stay in memory.
    pub(super) fn take(
        &mut self,
        participants: &Participants,
        record: FleetRecord,
        FoundRecord { value, revision }: FoundRecord,
    ) {
        let FleetRecord::Outbox(id) = &record else { return };
        match format::decode::<Outbox>(&value) {
            Ok(outbox) if participants.is_new(id, outbox.sequence) => {
                let observations = Observation::decode_all(&outbox.observations).count();
                self.observations += observations;
                self.new.insert((revision, id.clone()), NewOutbox { outbox, observations });
                self.leave_newest();
            }
            Ok(_) => {}
            Err(error) => {
                self.unconsumed.insert(id.clone());
                self.unreadable.push((record, revision, error));
            }
        }
    }

    /// Leaves those for the next decision without which there are enough observations.
    fn leave_newest(&mut self) {
        while let Some(newest) = self.new.last_entry() {
            let others = self.observations - newest.get().observations;
            if others < MAX_OBSERVATIONS {
                return;
            }
            let (revision, id) = newest.remove_entry().0;
            self.observations = others;
            self.left = Some(self.left.map_or(revision, |left| left.min(revision)));
            self.unconsumed.insert(id);
        }
    }

    /// Whether there is nothing to consume.
    pub(super) fn is_empty(&self) -> bool {
        self.new.is_empty()
    }

    /// Takes out those that the decision consumes, the oldest first.
    pub(super) fn take_new(&mut self) -> impl Iterator<Item = (InstanceId, Outbox)> {
        let new = std::mem::take(&mut self.new);
        new.into_iter().map(|((_, id), new)| (id, new.outbox))
    }

    /// Those that could not be read. `reported` has the outboxes that are known to be unreadable, each with its
    /// revision.
    pub(super) fn newly_unreadable(
        &mut self,
        reported: &mut BTreeMap<FleetRecord, Revision>,
    ) -> Vec<(FleetRecord, UnreadableRecord)> {
        let unreadable = std::mem::take(&mut self.unreadable).into_iter();
        let is_new = |(record, revision, _): &(FleetRecord, Revision, _)| {
            reported.insert(record.clone(), *revision) != Some(*revision)
        };
        unreadable.filter(is_new).map(|(record, _, error)| (record, error)).collect()
    }
}
