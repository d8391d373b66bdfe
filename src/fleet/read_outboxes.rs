//! The outboxes that one decision takes in.

use std::collections::{BTreeMap, BTreeSet};

use super::format::{self, UnreadableRecord};
use super::records::{Outbox, Participants};
use super::store::{FleetRecord, FoundRecord, InstanceId, Listing, Revision};
use crate::analysis::Observation;

/// The outboxes that one decision takes in, and those that could not be read.
#[derive(Debug, Default)]
pub(super) struct ReadOutboxes {
    pub(super) new: Vec<(InstanceId, Outbox)>,
    /// The revision of the first one that is left for the next decision.
    pub(super) left: Option<Revision>,
    /// The instances whose outboxes this decision does not consume. They may not have gone.
    pub(super) unconsumed: BTreeSet<InstanceId>,
    pub(super) unreadable: Vec<(FleetRecord, UnreadableRecord)>,
}

/// How many observations a decision takes in, beside those of the outbox that exceeds this. Each may add a
/// unit of 16 bytes, so that a commit stays well under the 1.5 MiB that etcd accepts.
const MAX_OBSERVATIONS: usize = 24_000;

// === impl ReadOutboxes ===

impl ReadOutboxes {
    /// Those of a listing that were not consumed yet, the oldest first, as many as one decision takes in.
    /// `reported` has the outboxes that are known to be unreadable, each with its revision.
    pub(super) fn of(
        listing: &Listing,
        participants: &Participants,
        reported: &mut BTreeMap<FleetRecord, Revision>,
    ) -> Self {
        let mut outboxes = Self::default();
        let mut by_revision: Vec<&(FleetRecord, FoundRecord)> = listing.records.iter().collect();
        by_revision.sort_by_key(|(_, found)| found.revision);
        let mut observations = 0;
        for (record, found) in by_revision {
            let FleetRecord::Outbox(id) = record else { continue };
            if outboxes.left.is_some() {
                outboxes.unconsumed.insert(id.clone());
                continue;
            }
            match format::decode::<Outbox>(&found.value) {
                Ok(outbox) if participants.is_new(id, outbox.sequence) => {
                    if observations >= MAX_OBSERVATIONS {
                        outboxes.left = Some(found.revision);
                        outboxes.unconsumed.insert(id.clone());
                        continue;
                    }
                    observations += Observation::decode_all(&outbox.observations).count();
                    outboxes.new.push((id.clone(), outbox));
                }
                Ok(_) => {}
                Err(error) => {
                    outboxes.unconsumed.insert(id.clone());
                    let before = reported.insert(record.clone(), found.revision);
                    if before != Some(found.revision) {
                        outboxes.unreadable.push((record.clone(), error));
                    }
                }
            }
        }
        outboxes
    }
}
