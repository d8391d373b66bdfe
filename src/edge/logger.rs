//! The `log` crate's records in Envoy's log.

use std::panic;

use log::{Level, LevelFilter, Log, Metadata, Record};
use proxy_wasm::types::LogLevel;

use super::host;

struct HostLogger;

static LOGGER: HostLogger = HostLogger;

/// Sends records to Envoy, and the message of a panic before it traps.
pub fn install() {
    // Refused only where another logger was there first; then that one serves.
    let _ = log::set_logger(&LOGGER);
    log::set_max_level(LevelFilter::Info);
    panic::set_hook(Box::new(|info| host::log(LogLevel::Critical, &info.to_string())));
}

/// Leaves out what Envoy would not write, so that it is not formatted either.
pub fn follow_host_level() {
    let filter = match host::log_level() {
        Ok(0) => LevelFilter::Trace,
        Ok(1) => LevelFilter::Debug,
        Ok(2) | Err(_) => LevelFilter::Info,
        Ok(3) => LevelFilter::Warn,
        Ok(_) => LevelFilter::Error,
    };
    log::set_max_level(filter);
}

// === impl HostLogger ===

impl Log for HostLogger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let level = match record.level() {
            Level::Error => LogLevel::Error,
            Level::Warn => LogLevel::Warn,
            Level::Info => LogLevel::Info,
            Level::Debug => LogLevel::Debug,
            Level::Trace => LogLevel::Trace,
        };
        host::log(level, &record.args().to_string());
    }

    fn flush(&self) {}
}
