//! What an instance reads for others: the page, and the hashes of units.

use super::follower::Followed;
use super::format;
use super::instance::{FleetInstance, StepContext};
use super::keys::FleetKeys;
use super::memory::SHOWN_RECORDS;
use super::protocol::{Protocol, is_due};
use super::records::Participants;
use super::store::{FleetRecord, FleetStore, StoreError};
use crate::rollout::store::{RolloutStore, WriteCondition};

/// An instance reads the state for display after so many intervals.
const DISPLAY_INTERVALS: u64 = 5;

// === impl FleetInstance ===

impl FleetInstance {
    /// Learns the keys of the fleet, or stores them where the store has none. An instance that knows nothing,
    /// and finds nothing, waits as before it decides: others may bring back theirs.
    pub(super) async fn share_keys(
        &self,
        protocol: &mut Protocol,
        store: &impl FleetStore,
        context: &StepContext<'_>,
    ) -> Result<(), StoreError> {
        if protocol.are_keys_stored {
            return Ok(());
        }
        let known = self.status.try_borrow().ok().and_then(|it| it.keys);
        let knows_nothing = known.is_none() && protocol.follower.in_force().is_none();
        if knows_nothing && !self.is_turn(protocol, context, Followed::Nothing) {
            return Ok(());
        }
        let keys = FleetKeys::find_or_store(store, known.unwrap_or(self.own_keys)).await?;
        protocol.are_keys_stored = true;
        if let Ok(mut status) = self.status.try_borrow_mut() {
            status.keys = Some(keys);
        }
        Ok(())
    }

    /// Reads the state for the page, if another instance decides.
    pub(super) async fn refresh_display(
        &self,
        protocol: &mut Protocol,
        store: &impl FleetStore,
        local: &impl RolloutStore,
        context: &StepContext<'_>,
    ) -> Result<(), StoreError> {
        let now_ns = context.now.monotonic_ns;
        let every = self.interval_ns().saturating_mul(DISPLAY_INTERVALS);
        let has_state =
            protocol.follower.in_force().is_some() && protocol.follower.lost().is_none();
        if !has_state || !is_due(protocol.displayed_ns, every, now_ns) {
            return Ok(());
        }
        for (record, fleet_record) in SHOWN_RECORDS {
            let Some(found) = store.read(&fleet_record).await? else { continue };
            if let Ok(value) = format::decode::<Vec<u8>>(&found.value) {
                let _ = local.write(record, &value, WriteCondition::Always).await;
            }
        }
        if let Some(found) = store.read(&FleetRecord::Participants).await?
            && let Ok(participants) = format::decode::<Participants>(&found.value)
        {
            self.set_participants(&participants);
        }
        protocol.displayed_ns = Some(now_ns);
        Ok(())
    }

    pub(super) fn set_participants(&self, participants: &Participants) {
        if let Ok(mut status) = self.status.try_borrow_mut() {
            status.participants = participants.clone();
        }
    }
}
