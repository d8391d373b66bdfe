//! What the log says of a server that may fail: that it does, and that it works again.

use std::cell::Cell;

use super::hostcalls;
use super::limited_log::LimitedLog;

/// Whether a server fails, as the log has it. One that fails again and again is logged once a minute.
#[derive(Default)]
pub struct FailureLog {
    is_logged: Cell<bool>,
    log: LimitedLog,
}

// === impl FailureLog ===

impl FailureLog {
    /// The server has failed. Returns whether that is to be logged.
    pub fn fail(&self) -> bool {
        if self.is_logged.get() {
            return false;
        }
        let now_ns = hostcalls::monotonic_time_ns().unwrap_or_default();
        let is_due = self.log.count(1, now_ns).is_some();
        self.is_logged.set(is_due);
        is_due
    }

    /// The server has not failed. Returns whether that is to be logged.
    pub fn succeed(&self) -> bool {
        self.is_logged.replace(false)
    }
}
