//! What an instance puts in force in its Envoy: the workers read it there.

use super::event::FleetEvent;
use super::instance::{FleetInstance, StepContext};
use super::protocol::Protocol;
use super::records::{InForce, LocalRollback};
use crate::rollout::PublishedSnapshot;
use crate::rollout::store::{Record, RolloutStore, WriteCondition, write_encoded};

// === impl FleetInstance ===

impl FleetInstance {
    /// Lets the workers of this Envoy follow.
    pub(super) async fn put_in_force(
        &self,
        protocol: &mut Protocol,
        local: &impl RolloutStore,
        context: &StepContext<'_>,
        in_force: InForce,
    ) {
        let before = self.in_force().and_then(|it| it.published);
        let Some(published) = in_force.published else { return };
        let is_decider = protocol.follower.is_decider(self.id());
        let history = in_force.history.clone();
        self.learned_ns.set(Some(context.now.monotonic_ns));
        if let Ok(mut known) = self.in_force.try_borrow_mut() {
            *known = Some(in_force);
        }
        if !(context.is_agent)() {
            return;
        }
        if let Some(history) = history {
            let _ = local.write(Record::History, &history, WriteCondition::Always).await;
        }
        self.end_rollback(protocol, local, &published).await;
        self.bring_own_rollback(local, context, &published).await;
        self.bring_forgotten_rollback(protocol, local, context, &published).await;
        let rollback = LocalRollback::read(local).await;
        self.publish_locally(local, published, rollback.is_some()).await;
        protocol.is_published = true;
        let is_new = before.is_none_or(|it| it.snapshot != published.snapshot);
        if is_new && !is_decider {
            (context.report)(FleetEvent::Follows(&published.snapshot));
        }
    }

    /// Publishes the snapshot in this Envoy: blue has everything where the instance has rolled back
    /// by itself.
    pub(super) async fn publish_locally(
        &self,
        local: &impl RolloutStore,
        published: PublishedSnapshot,
        is_rolled_back: bool,
    ) {
        let snapshot = match is_rolled_back {
            true => LocalRollback::in_force(published.snapshot),
            false => published.snapshot,
        };
        let published = PublishedSnapshot { snapshot, ..published };
        let _ = write_encoded(local, Record::Snapshot, &published).await;
    }
}
