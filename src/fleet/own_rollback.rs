//! The rollback of a ramp that an Envoy ran alone, before it joined the fleet: it does not end there.

use super::event::FleetEvent;
use super::instance::{FleetInstance, StepContext};
use super::records::LocalRollback;
use crate::rollout::{Phase, PublishedSnapshot, RampSpec, RampState};

const WHY: &str = "this Envoy's own ramp was rolled back before it joined the fleet";

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
    /// back at once, and the fleet in the next decision.
    pub(super) fn bring_own_rollback(
        &self,
        context: &StepContext<'_>,
        published: &PublishedSnapshot,
    ) {
        if self.has_joined.replace(true) || published.snapshot.phase == Phase::RolledBack {
            return;
        }
        if context.own_rollback().is_none() {
            return;
        }
        let Ok(mut evidence) = self.evidence.try_borrow_mut() else { return };
        if evidence.rollback.is_none() {
            let epoch = published.snapshot.epoch;
            evidence.rollback = Some(LocalRollback { epoch, why: WHY.to_owned() });
            drop(evidence);
            (context.report)(FleetEvent::RolledBackAlone(WHY));
        }
    }
}
