//! How an instance fills its outbox.

use super::instance::{FleetInstance, StepContext};
use super::outbox::OutboxContent;
use super::protocol::{Protocol, is_due};
use super::records::LocalRollback;
use super::store::{FleetStore, StoreError};
use crate::analysis::Observation;
use crate::rollout::RolloutStore;

/// An instance without evidence writes its outbox after so many intervals, to show that it is there.
const PRESENCE_INTERVALS: u64 = 10;

// === impl FleetInstance ===

impl FleetInstance {
    /// Writes the outbox, with new evidence if the last was consumed.
    pub(super) async fn hand_over(
        &self,
        protocol: &mut Protocol,
        store: &impl FleetStore,
        local: &impl RolloutStore,
        context: &StepContext<'_>,
    ) -> Result<(), StoreError> {
        let now_ns = context.now.monotonic_ns;
        if protocol.outbox.is_free() && !self.is_leaving.get() {
            let rollback = LocalRollback::read(local).await;
            self.fill_outbox(protocol, context, rollback);
        }
        protocol.outbox.send(store, now_ns).await
    }

    fn fill_outbox(
        &self,
        protocol: &mut Protocol,
        context: &StepContext<'_>,
        rollback: Option<LocalRollback>,
    ) {
        let now_ns = context.now.monotonic_ns;
        let Some(in_force) = protocol.follower.in_force() else { return };
        let Some(published) = in_force.published else { return };
        let Ok(mut evidence) = self.evidence.try_borrow_mut() else { return };
        let is_new_rollback = rollback.is_some() && rollback != protocol.sent_rollback;
        if !is_new_rollback {
            let every = match evidence.buffer.is_empty() {
                true => self.interval_ns().saturating_mul(PRESENCE_INTERVALS),
                false => self.interval_ns(),
            };
            if !is_due(protocol.sent_ns, every, now_ns) {
                return;
            }
        }
        let follower = &protocol.follower;
        let to_fleet_ns = |own_ns: u64| follower.fleet_ns(own_ns).unwrap_or(own_ns);
        let observations =
            evidence.buffer.take_encoded(|it| Observation { at_ns: to_fleet_ns(it.at_ns), ..it });
        protocol.outbox.fill(OutboxContent {
            follows: published.revision,
            green_bp: if rollback.is_some() { 0 } else { published.snapshot.share.basis_points() },
            fingerprint: context.fingerprint,
            rollback: rollback.clone(),
            observations,
        });
        protocol.sent_rollback = rollback;
        protocol.sent_ns = Some(now_ns);
    }
}
