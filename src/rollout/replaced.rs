//! What is left of a ramp that weights have replaced.
//!
//! A ramp that comes back under the same name begins with its first step: meanwhile the operator may have
//! changed green, and no step has counted. A rollback stays, so that a green that was found worse does not
//! return without a new `restart`.

use super::phase::Phase;
use super::publish_snapshot::PublishedSnapshot;
use super::snapshot::Snapshot;
use super::state::RampState;
use super::store::{Record, RolloutStore, StoreError, Update, update};

/// Records that weights have replaced the ramp: until a leader has begun it again, all users are on blue.
///
/// # Errors
/// [`StoreError`] where the store does not answer or accept a record.
pub async fn replace_by_weights(store: &impl RolloutStore) -> Result<(), StoreError> {
    let state = update(store, Record::State, |found: Option<RampState>| {
        Ok::<_, StoreError>(match found {
            None => Update::Keep(false),
            Some(state) if state.phase == Phase::RolledBack => Update::Keep(false),
            // The snapshot of an earlier attempt may not have been written.
            Some(state) if state.is_replaced => Update::Keep(true),
            Some(mut state) => {
                state.is_replaced = true;
                Update::Write(state, true)
            }
        })
    });
    if !state.await? {
        return Ok(());
    }
    let snapshot = update(store, Record::Snapshot, |found: Option<PublishedSnapshot>| {
        Ok::<_, StoreError>(match found {
            Some(published) => {
                Update::Write(PublishedSnapshot { snapshot: Snapshot::UNKNOWN, ..published }, ())
            }
            None => Update::Keep(()),
        })
    });
    snapshot.await
}
