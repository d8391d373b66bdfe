//! The clocks of the host.

use std::cell::Cell;

use super::hostcalls;
use super::store::hostcalls::{CasToken, get_shared_data, set_shared_data};
use crate::rollout::Clocks;

thread_local! {
    /// The wall clock's time when the monotonic clock was 0, in milliseconds since 1970.
    static ORIGIN_MS: Cell<Option<u64>> = const { Cell::new(None) };
}

/// The key of the origin in shared data. It is one for all rollouts and all versions of the module.
const ORIGIN_KEY: &str = "verdigris.clock_origin_ms";

/// Reads both clocks; `None` if the host refuses.
pub fn clocks() -> Option<Clocks> {
    let monotonic_ns = hostcalls::monotonic_time_ns().ok()?;
    let unix_ms = hostcalls::wall_time_ns().ok()? / 1_000_000;
    Some(Clocks { monotonic_ns, unix_ms })
}

/// The time by which conversations are dated, in milliseconds since 1970; `None` if the host refuses.
///
/// It is the wall clock's time when this process first asked, and goes on by the monotonic clock. The
/// wall clock can be set: an hour back, it would be before the start of each open conversation and of
/// the share in force, and all conversations would move.
pub fn steady_ms() -> Option<u64> {
    let monotonic_ms = hostcalls::monotonic_time_ns().ok()? / 1_000_000;
    if let Some(origin_ms) = ORIGIN_MS.get() {
        return Some(monotonic_ms.saturating_add(origin_ms));
    }
    let origin_ms = shared_origin_ms(clocks()?);
    ORIGIN_MS.set(Some(origin_ms));
    Some(monotonic_ms.saturating_add(origin_ms))
}

/// By how many milliseconds the wall clock is ahead of [`steady_ms`]; 0 if the host refuses.
pub fn wall_clock_offset_ms() -> i64 {
    let offset = || Some(clocks()?.unix_ms.wrapping_sub(steady_ms()?).cast_signed());
    offset().unwrap_or_default()
}

/// The origin that the first VM of this process has shared, so that all VMs have the same. Without
/// shared data it is this VM's own.
fn shared_origin_ms(now: Clocks) -> u64 {
    let own_ms = now.unix_ms.saturating_sub(now.monotonic_ns / 1_000_000);
    let known = || {
        let (bytes, _) = get_shared_data(ORIGIN_KEY)?;
        (*bytes).try_into().ok().map(u64::from_le_bytes)
    };
    known().unwrap_or_else(|| {
        let _ = set_shared_data(ORIGIN_KEY, &own_ms.to_le_bytes(), CasToken::ABSENT);
        known().unwrap_or(own_ms)
    })
}
