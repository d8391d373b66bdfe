//! Whether another version has answered.

use super::attributes;
use super::runtime::RolloutRuntime;
use crate::response::Answerer;
use crate::stats::names::StatScope;

// === impl Running ===

impl RolloutRuntime {
    /// Whether another version has answered a request that is counted as `account`'s. The host
    /// is asked only where the configuration makes it possible.
    pub fn has_failed_over(&self, account: StatScope) -> bool {
        let StatScope::Of(chosen) = account else { return false };
        if !self.config.patches_later(chosen) {
            return false;
        }
        let version = attributes::upstream_version();
        let attempts = match version {
            Some(_) => 1,
            None => attributes::upstream_attempts().unwrap_or_default(),
        };
        Answerer { version: version.as_deref(), attempts }.differs_from(chosen)
    }
}
