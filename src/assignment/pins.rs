//! Units that are always on one version, whatever the weights are: testers on
//! green, a customer with a contract on blue.

use std::collections::HashMap;

use super::Version;

/// The pinned units, each with its version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins(HashMap<Box<[u8]>, Version>);

// === impl Pins ===

impl Pins {
    /// The version that `unit` is pinned to.
    pub fn find(&self, unit: &[u8]) -> Option<Version> {
        // Most rollouts pin nobody, and then the unit need not be hashed again.
        if self.0.is_empty() {
            return None;
        }
        self.0.get(unit).copied()
    }

    /// Pins `unit`; the version it was pinned to before, if it was.
    pub fn insert(&mut self, unit: &[u8], version: Version) -> Option<Version> {
        self.0.insert(unit.into(), version)
    }
}
