//! What an instance puts in force in its Envoy: the workers read it there.

use super::event::FleetEvent;
use super::instance::{FleetInstance, StepContext};
use super::protocol::Protocol;
use super::records::{InForce, LocalRollback};
use crate::rollout::PublishedSnapshot;
use crate::rollout::store::{Record, RolloutStore, WriteCondition, write_encoded};

// === impl FleetInstance ===

impl FleetInstance {
    /// Lets the workers of this Envoy follow. Returns whether the snapshot is another one than before.
    pub(super) async fn put_in_force(
        &self,
        protocol: &mut Protocol,
        local: &impl RolloutStore,
        context: &StepContext<'_>,
        in_force: InForce,
    ) -> bool {
        let before = self.in_force().and_then(|it| it.published);
        let Some(published) = in_force.published else { return false };
        let is_new = before.is_none_or(|it| it.snapshot != published.snapshot);
        let is_decider = protocol.follower.is_decider(self.id());
        let history = in_force.history.clone();
        self.learned_ns.set(Some(context.now.monotonic_ns));
        if let Ok(mut known) = self.in_force.try_borrow_mut() {
            *known = Some(in_force);
        }
        if !(context.is_agent)() {
            return is_new;
        }
        let keeps_rollback = self.end_rollback(protocol, local, &published).await;
        self.bring_own_rollback(local, context, &published).await;
        self.bring_forgotten_rollback(protocol, local, context, &published).await;
        let is_rolled_back = LocalRollback::read(local).await.is_some();
        // While the instance stays rolled back by itself, its own history has when that was.
        if let Some(history) = history.filter(|_| !keeps_rollback) {
            let _ = local.write(Record::History, &history, WriteCondition::Always).await;
        }
        self.publish_locally(local, context, published, is_rolled_back).await;
        protocol.is_published = true;
        if is_new && !is_decider {
            (context.report)(FleetEvent::Follows(&published.snapshot));
        }
        is_new
    }

    /// Publishes the snapshot in this Envoy: blue has everything where the instance has rolled back
    /// by itself. Conversations keep or leave green as after a rollback of the fleet.
    pub(super) async fn publish_locally(
        &self,
        local: &impl RolloutStore,
        context: &StepContext<'_>,
        published: PublishedSnapshot,
        is_rolled_back: bool,
    ) {
        let snapshot = match is_rolled_back {
            true => LocalRollback::in_force(published.snapshot),
            false => published.snapshot,
        };
        if let Some(history) = context.history.filter(|_| is_rolled_back) {
            history.record_snapshot(local, snapshot, context.now).await;
        }
        let published = PublishedSnapshot { snapshot, ..published };
        let _ = write_encoded(local, Record::Snapshot, &published).await;
    }
}
