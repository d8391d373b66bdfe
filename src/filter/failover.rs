//! Whether a request has failed over to the other version.

use super::attributes;
use super::runtime::RolloutRuntime;
use crate::response::Answerer;
use crate::stats::names::StatScope;

// === impl RolloutRuntime ===

impl RolloutRuntime {
    /// Whether another version than the assigned one has answered. The host is called only if the
    /// configuration has failover.
    pub fn has_failed_over(&self, scope: StatScope) -> bool {
        let StatScope::Of(assigned) = scope else { return false };
        if !self.config.patches_later(assigned) {
            return false;
        }
        let version = attributes::upstream_version();
        let attempts = match version {
            Some(_) => 1,
            None => attributes::upstream_attempts().unwrap_or_default(),
        };
        Answerer { version: version.as_deref(), attempts }.differs_from(assigned)
    }
}
