//! The rollback that one Envoy of a fleet makes by itself, before the fleet does.
//!
//! It is a record that the workers of the Envoy share. So it stays in force, and is handed over, where
//! another worker talks to the store from then on, or the worker that made it is gone.

use super::event::FleetEvent;
use super::instance::{FleetInstance, StepContext};
use super::protocol::Protocol;
use super::records::LocalRollback;
use crate::assignment::{Epoch, Share};
use crate::rollout::store::{
    Record, RolloutStore, StoreError, WriteCondition, read_decoded, write_encoded,
};
use crate::rollout::{Phase, PublishedSnapshot, Snapshot};

// === impl LocalRollback ===

impl LocalRollback {
    /// The rollback that is in force in this Envoy.
    pub async fn read(local: &impl RolloutStore) -> Option<Self> {
        read_decoded(local, Record::LocalRollback).await.ok().flatten()
    }

    /// Puts this rollback in force for the workers that read it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where the store does not accept it.
    pub async fn write(&self, local: &impl RolloutStore) -> Result<(), StoreError> {
        write_encoded(local, Record::LocalRollback, self).await
    }

    /// Ends the rollback that is in force. A record without bytes is none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where the store does not accept that.
    pub async fn end(local: &impl RolloutStore) -> Result<(), StoreError> {
        local.write(Record::LocalRollback, &[], WriteCondition::Always).await
    }

    /// What is in force in this Envoy while this is in force in the fleet: blue has all traffic.
    pub fn in_force(fleet: Snapshot) -> Snapshot {
        Snapshot {
            phase: Phase::RolledBack,
            share: Share::ZERO,
            previous_share: Share::ZERO,
            epoch: Epoch::MANUAL,
            is_shadow_step: false,
            ..fleet
        }
    }
}

// === impl FleetInstance ===

impl FleetInstance {
    /// Ends the local rollback once the fleet has taken note of it: it is rolled back too, or was
    /// started again. Returns whether there is one that stays in force.
    pub(super) async fn end_rollback(
        &self,
        protocol: &mut Protocol,
        local: &impl RolloutStore,
        published: &PublishedSnapshot,
    ) -> bool {
        let Some(rollback) = LocalRollback::read(local).await else { return false };
        let is_sent = protocol.sent_rollback.as_ref() == Some(&rollback);
        let is_noted = is_sent && protocol.outbox.is_free();
        if published.snapshot.phase != Phase::RolledBack && !is_noted {
            return true;
        }
        protocol.sent_rollback = None;
        LocalRollback::end(local).await.is_err()
    }

    /// Rolls this instance back before the fleet does, unless it is rolled back so already.
    pub(super) async fn roll_back_alone(
        &self,
        local: &impl RolloutStore,
        context: &StepContext<'_>,
        published: PublishedSnapshot,
        rollback: &LocalRollback,
    ) {
        if LocalRollback::read(local).await.is_some() {
            return;
        }
        (context.report)(FleetEvent::RolledBackAlone(&rollback.why));
        // Without the record, the next commit that this instance follows ends the rollback.
        let _ = rollback.write(local).await;
        self.publish_locally(local, context, published, true).await;
    }
}
