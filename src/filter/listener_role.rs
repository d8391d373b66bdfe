//! What the filter does at a stream's listener.

use std::cell::Cell;

use super::attributes;
use crate::config::{Config, Role};

thread_local! {
    /// Whether a configuration of this VM has run in other listeners than the release's.
    static HAS_OTHER_LISTENERS: Cell<bool> = const { Cell::new(false) };
}

/// Notes the listeners of a configuration. Copies and attempts that are on their way when it is replaced
/// come to their listeners under the next one, which may have no such listeners.
pub fn note(config: &Config) {
    if config.has_other_listeners() {
        HAS_OTHER_LISTENERS.set(true);
    }
}

/// The role at the stream's listener, under this configuration; `None` where the listener's metadata names
/// a role that does not exist.
pub fn find(config: &Config) -> Option<Role> {
    match config.role {
        Some(role) => Some(role),
        // The call costs as much as reading a header, so it is made only where there is or was a choice.
        None if HAS_OTHER_LISTENERS.get() => match attributes::listener_role() {
            Some(name) => Role::from_bytes(&name),
            None => Some(Role::Release),
        },
        None => Some(Role::Release),
    }
}
