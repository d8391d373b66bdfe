//! Whether the configuration in force lacks the section that a queue is for.

use std::cell::Cell;

use crate::config::Config;

/// Whether the configuration in force lacks the section that a rollout's queue is for, such as its judge.
/// Responses to older configurations may still end, and must not wait for the section of a later one.
#[derive(Debug, Default)]
pub struct RemovedSection(Cell<bool>);

// === impl RemovedSection ===

impl RemovedSection {
    /// Notes that a configuration has come into force. Returns whether waiting entries must be dropped.
    pub fn note_configuration(&self, config: &Config, has_section: bool) -> bool {
        // A shadow's own configuration may lack the section, which the release's still has.
        if !has_section && config.is_shadow() {
            return false;
        }
        self.0.set(!has_section);
        !has_section
    }

    /// A configuration with the section is in force. Envoy may have gone back to it without configuring it.
    pub fn resume(&self) {
        self.0.set(false);
    }

    /// Whether the section was removed.
    pub fn is_removed(&self) -> bool {
        self.0.get()
    }
}
