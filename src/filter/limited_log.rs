//! Lines of the log that requests cause: at most one a minute, with the number of those left out.

use std::cell::Cell;

use super::hostcalls;

/// How often such a line is written.
const LOG_EVERY_NS: u64 = 60_000_000_000;

/// When a line was last written, and what has happened since.
#[derive(Default)]
pub struct LimitedLog {
    /// How often it has happened since the last line.
    unlogged: Cell<u64>,
    /// When that line was written, on the monotonic clock.
    logged_ns: Cell<Option<u64>>,
}

// === impl LimitedLog ===

impl LimitedLog {
    /// Nothing has happened yet.
    pub const fn new() -> Self {
        Self { unlogged: Cell::new(0), logged_ns: Cell::new(None) }
    }

    /// Adds `count` occurrences. If a line is due, returns how many there have been since the last one,
    /// these included.
    pub fn count(&self, count: u64, now_ns: u64) -> Option<u64> {
        let count = self.unlogged.get().saturating_add(count);
        let is_due = |logged_ns: u64| now_ns.saturating_sub(logged_ns) >= LOG_EVERY_NS;
        if count == 0 || !self.logged_ns.get().is_none_or(is_due) {
            self.unlogged.set(count);
            return None;
        }
        self.unlogged.set(0);
        self.logged_ns.set(Some(now_ns));
        Some(count)
    }

    /// Logs an error that a request has caused. Where the host refuses the clock, only the first one is
    /// logged.
    pub fn error(&self, message: impl FnOnce() -> String) {
        let now_ns = hostcalls::monotonic_time_ns().unwrap_or_default();
        let Some(count) = self.count(1, now_ns) else { return };
        let others = match count - 1 {
            0 => String::new(),
            others => format!(" ({others} more such requests since the last such line)"),
        };
        log::error!("{}{others}", message());
    }
}

/// Logs an error that requests cause, at most once a minute for each place in the code and VM.
macro_rules! limited_error {
    ($($message:tt)+) => {{
        thread_local! {
            static LOG: $crate::filter::limited_log::LimitedLog =
                const { $crate::filter::limited_log::LimitedLog::new() };
        }
        LOG.with(|log| log.error(|| format!($($message)+)));
    }};
}
pub(super) use limited_error;
