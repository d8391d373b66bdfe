//! The `log` crate's records in Envoy's log.
//!
//! The SDK's logger is not used: it panics on a status that it does not list, which hosts answer if
//! `capability_restriction_config` leaves `proxy_log` out, and it has a fixed level.

use std::panic;

use super::hostcalls;
use crate::rollout::{Phase, Transition, log_lines};
use log::{Level, LevelFilter, Log, Metadata, Record};

struct HostLogger;

static LOGGER: HostLogger = HostLogger;

/// Writes records to Envoy's log, and the message of a panic before the VM traps.
pub fn install() {
    // An error means that a logger is installed already.
    let _ = log::set_logger(&LOGGER);
    log::set_max_level(LevelFilter::Info);
    panic::set_hook(Box::new(|info| hostcalls::log(Level::Error, &info.to_string())));
}

/// Sets the level to Envoy's, so that records that Envoy would drop are not formatted.
pub fn follow_host_level() {
    let filter = match hostcalls::log_level() {
        Ok(0) => LevelFilter::Trace,
        Ok(1) => LevelFilter::Debug,
        Ok(2) | Err(_) => LevelFilter::Info,
        Ok(3) => LevelFilter::Warn,
        Ok(_) => LevelFilter::Error,
    };
    log::set_max_level(filter);
}

/// Writes a transition to Envoy's log.
pub fn log_transition(rollout: &str, transition: &Transition) {
    match transition.to.phase {
        Phase::RolledBack => log::error!("rollout {rollout}: {transition}"),
        Phase::Paused | Phase::Holding => log::warn!("rollout {rollout}: {transition}"),
        Phase::Ramping | Phase::Promoted | Phase::ByHand => {
            log::info!("rollout {rollout}: {transition}");
        }
    }
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
        hostcalls::log(record.level(), &log_lines(&record.args().to_string()));
    }

    fn flush(&self) {}
}
