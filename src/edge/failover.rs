//! Whether another version has answered.

use super::host;
use super::root::Running;
use crate::response::Answerer;
use crate::stats::names::StatScope;

// === impl Running ===

impl Running {
    /// Whether another version has answered a request that is counted as `account`'s. The host
    /// is asked only where the configuration makes it possible.
    pub fn has_failed_over(&self, account: StatScope) -> bool {
        let StatScope::Of(chosen) = account else { return false };
        if !self.config.patches_later(chosen) {
            return false;
        }
        let version = host::upstream_version();
        let attempts = match version {
            Some(_) => 1,
            None => host::upstream_attempts().unwrap_or_default(),
        };
        Answerer { version: version.as_deref(), attempts }.differs_from(chosen)
    }
}
