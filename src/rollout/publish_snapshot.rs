//! How a transition reaches the other workers: the leader publishes its snapshot in the shared
//! store, and every worker reads it there at its next tick.

use serde::{Deserialize, Serialize};

use super::reconcile_context::ReconcileContext;
use super::snapshot::Snapshot;
use super::state::RampState;
use super::store::{Record, RolloutStore, StoreError, Update, update};

/// The snapshot in force, with the revision of the state that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedSnapshot {
    /// The revision of the state; see [`RampState::revision`].
    pub revision: u64,
    /// What is in force.
    pub snapshot: Snapshot,
}

/// Publishes the snapshot, unless a newer one is already published. Returns whether it is published.
pub(super) async fn publish(
    store: &impl RolloutStore,
    context: &ReconcileContext<'_>,
    state: &RampState,
) -> bool {
    let snapshot = state.snapshot(context.spec);
    let published = update(store, Record::Snapshot, |found: Option<PublishedSnapshot>| {
        let is_newer = found.is_some_and(|it| it.revision > state.revision);
        let own = PublishedSnapshot { revision: state.revision, snapshot };
        Ok::<_, StoreError>(match is_newer {
            true => Update::Keep(false),
            false => Update::Write(own, true),
        })
    });
    let published = published.await;
    // Where the store does not accept the snapshot, the next reconcile publishes it.
    let is_outdated = matches!(published, Ok(false));
    if let Some(history) = context.history.filter(|_| !is_outdated) {
        history.record_snapshot(store, snapshot, context.now).await;
    }
    published.unwrap_or(false)
}
