//! A rollback that the fleet does not know, and must not end: that of a ramp that this Envoy ran alone before it
//! joined the fleet, and that of a fleet whose store has lost it.

use super::event::FleetEvent;
use super::instance::{FleetInstance, StepContext};
use super::protocol::Protocol;
use super::records::LocalRollback;
use crate::rollout::store::{Record, RolloutStore, read_decoded, write_encoded};
use crate::rollout::{Phase, PublishedSnapshot, RampSpec, RampState};

const WHY: &str = "this Envoy's own ramp was rolled back before it joined the fleet";
const FORGOTTEN: &str = "the fleet was rolled back, and its store has lost that";

// === impl StepContext ===

impl StepContext<'_> {
    /// The state of this Envoy's own ramp, if it was rolled back and not started again since.
    pub(super) fn own_rollback(&self) -> Option<RampState> {
        let is_same_start =
            |spec: &RampSpec, state: &RampState| state.observed_spec.restart == spec.restart;
        let state = (self.own_state)()?;
        let counts = state.phase == Phase::RolledBack && is_same_start(self.spec, &state);
        counts.then_some(state)
    }
}

// === impl FleetInstance ===

impl FleetInstance {
    /// Brings the rollback of the own ramp into a fleet that has begun already: this instance is rolled
    /// back at once, and the fleet in the next decision. That counts once in this Envoy, whichever of its
    /// workers is first to follow the fleet.
    pub(super) async fn bring_own_rollback(
        &self,
        local: &impl RolloutStore,
        context: &StepContext<'_>,
        published: &PublishedSnapshot,
    ) {
        let Some(state) = context.own_rollback() else { return };
        let noted: Option<u64> = read_decoded(local, Record::OwnRollbackNoted).await.ok().flatten();
        if noted == Some(state.revision) {
            return;
        }
        let _ = write_encoded(local, Record::OwnRollbackNoted, &state.revision).await;
        bring(local, context, published, WHY).await;
    }

    /// Rolls this instance back if the fleet has lost its rollback. This happens when the store is wiped and a
    /// new instance, which has no record of the rollback, starts the ramp before another instance restores it.
    pub(super) async fn bring_forgotten_rollback(
        &self,
        protocol: &mut Protocol,
        local: &impl RolloutStore,
        context: &StepContext<'_>,
        published: &PublishedSnapshot,
    ) {
        if protocol.follower.take_forgotten_rollback() {
            bring(local, context, published, FORGOTTEN).await;
        }
    }
}

/// Rolls this instance back, unless it or the fleet is rolled back already.
async fn bring(
    local: &impl RolloutStore,
    context: &StepContext<'_>,
    published: &PublishedSnapshot,
    why: &str,
) {
    let is_rolled_back = published.snapshot.phase == Phase::RolledBack;
    if is_rolled_back || LocalRollback::read(local).await.is_some() {
        return;
    }
    let rollback = LocalRollback { epoch: published.snapshot.epoch, why: why.to_owned() };
    if rollback.write(local).await.is_ok() {
        (context.report)(FleetEvent::RolledBackAlone(why));
    }
}
