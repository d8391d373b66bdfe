//! Which VM a rollout's gauges are left to.

use super::hostcalls::{CasToken, get_shared_data, set_shared_data};
use super::keys::unversioned;
use crate::filter::random::random_u64;

/// The VM that was the last to begin a configuration of the rollout. Gauges belong to the process: a
/// VM that Envoy has replaced, and deletes when its last stream ends, must not change them.
#[derive(Debug)]
pub struct GaugeOwner {
    key: String,
    /// Identifies this VM.
    id: u64,
}

// === impl GaugeOwner ===

impl GaugeOwner {
    /// The owner of the gauges of `rollout`.
    pub fn new(rollout: &str) -> Self {
        Self { key: unversioned(rollout, "gauges"), id: random_u64() }
    }

    /// A configuration begins in this VM, which owns the gauges now.
    pub fn claim(&self) {
        // If the host refuses it, the VMs share the gauges.
        let _ = set_shared_data(&self.key, &self.id.to_le_bytes(), CasToken::ANY);
    }

    /// Whether no other VM owns the gauges.
    pub fn is_this_vm(&self) -> bool {
        get_shared_data(&self.key).is_none_or(|(owner, _)| *owner == self.id.to_le_bytes())
    }
}
