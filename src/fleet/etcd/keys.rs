//! The keys of a rollout's records in etcd.

use super::super::store::{FleetRecord, Folder, StoreError};

/// The keys of one rollout: `<prefix>/<rollout>/<path>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// Ends with a slash.
    base: String,
}

// === impl Keys ===

impl Keys {
    /// The keys of a rollout below a prefix. Slashes at the end of the prefix are ignored.
    pub fn new(prefix: &str, rollout: &str) -> Self {
        Self { base: format!("{}/{rollout}/", prefix.trim_end_matches('/')) }
    }

    /// The key of a record.
    ///
    /// # Errors
    /// [`StoreError::Failed`] where another record, or no record, would be read from this key: the
    /// instance's name contains a slash or is empty.
    pub fn key(&self, record: &FleetRecord) -> Result<Vec<u8>, StoreError> {
        let path = record.path();
        if FleetRecord::from_path(&path).as_ref() != Some(record) {
            let message = format!(
                "{path} is no key of a record: the instance's name must not be empty or contain a \
                 slash"
            );
            return Err(StoreError::Failed(message));
        }
        Ok(format!("{}{path}", self.base).into_bytes())
    }

    /// The record with this key; `None` for a key that another version of the format may have.
    pub fn record(&self, key: &[u8]) -> Option<FleetRecord> {
        FleetRecord::from_path(str::from_utf8(key.strip_prefix(self.base.as_bytes())?).ok()?)
    }

    /// The first possible key of a folder, and the first key after the folder.
    pub fn folder(&self, folder: Folder) -> (Vec<u8>, Vec<u8>) {
        /// The character after the slash.
        const AFTER_SLASH: char = '0';
        let folder = format!("{}{}", self.base, folder.path());
        (format!("{folder}/").into_bytes(), format!("{folder}{AFTER_SLASH}").into_bytes())
    }
}
