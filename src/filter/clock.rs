//! The clocks of the host.

use super::hostcalls;
use crate::rollout::Clocks;

/// Reads both clocks; `None` if the host refuses.
pub fn clocks() -> Option<Clocks> {
    let monotonic_ns = hostcalls::monotonic_time_ns().ok()?;
    let unix_ms = hostcalls::wall_time_ns().ok()? / 1_000_000;
    Some(Clocks { monotonic_ns, unix_ms })
}
