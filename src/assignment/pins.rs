//! Units that are pinned to a version regardless of the weights, such as testers on green or a
//! customer whose contract says blue.

use std::collections::HashMap;

use super::Version;

/// The pinned units, each with its version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins(HashMap<Box<[u8]>, Version>);

// === impl Pins ===

impl Pins {
    /// The version that `unit` is pinned to, if it is pinned.
    pub fn find(&self, unit: &[u8]) -> Option<Version> {
        // Most rollouts have no pins. Then the lookup must not cost a hash of the unit.
        if self.0.is_empty() {
            return None;
        }
        self.0.get(unit).copied()
    }

    /// Pins `unit` to `version`. Returns the version that it was pinned to before, if any.
    pub fn insert(&mut self, unit: &[u8], version: Version) -> Option<Version> {
        self.0.insert(unit.into(), version)
    }
}
