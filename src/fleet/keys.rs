//! The keys that all instances of a fleet must have in common.

use serde::{Deserialize, Serialize};

use super::format;
use super::store::{FleetRecord, FleetStore, StoreError, Transaction};
use crate::assignment::UnitKey;

/// The keys of a rollout. A client that can read the store can sign feedback, and choose units.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetKeys {
    /// The key of the hashes of units, without which instances would count a unit that moves twice.
    pub units: [u8; UnitKey::LENGTH],
    /// The key of feedback receipts, which come back to any instance.
    pub receipts: [u8; UnitKey::LENGTH],
}

// === impl FleetKeys ===

impl FleetKeys {
    /// Reads the keys from the store, or stores `own` where there are none.
    ///
    /// # Errors
    /// [`StoreError`] where the store does not answer, or has something else.
    pub async fn find_or_store(store: &impl FleetStore, own: Self) -> Result<Self, StoreError> {
        match Self::find(store).await? {
            Some(keys) => Ok(keys),
            None => {
                let bytes = format::encode(&own).unwrap_or_default();
                let transaction = Transaction {
                    guards: vec![(FleetRecord::Keys, None)],
                    puts: vec![(FleetRecord::Keys, bytes)],
                    ..Transaction::default()
                };
                store.commit(transaction).await?;
                Ok(own)
            }
        }
    }

    async fn find(store: &impl FleetStore) -> Result<Option<Self>, StoreError> {
        let Some(found) = store.read(&FleetRecord::Keys).await? else { return Ok(None) };
        let keys = format::decode(&found.value)
            .map_err(|error| StoreError::Failed(format!("keys: {error}")))?;
        Ok(Some(keys))
    }
}

impl std::fmt::Debug for FleetKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FleetKeys")
    }
}
