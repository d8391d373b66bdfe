//! What a ramp that holds waits for: which changes are logged.

use super::hold_reason::HoldReason;
use super::phase::Phase;
use super::state::RampState;
use crate::assignment::Epoch;

/// The least time between two logged changes, in nanoseconds: with little evidence a ramp can change
/// between two reasons at each tick.
const INTERVAL_NS: u64 = 60_000_000_000;

/// Which changes of what a ramp waits for are logged while it holds. That it begins to hold is a
/// transition, which names the first reason.
#[derive(Debug, Default)]
pub struct HoldChanges {
    /// The epoch of the step that holds, and the reason that is known from the log.
    known: Option<(Epoch, HoldReason)>,
    logged_at_ns: Option<u64>,
}

// === impl HoldChanges ===

impl HoldChanges {
    /// Returns the reason if it has changed and is to be logged now. Calls `now_ns` only where the reason
    /// has changed; `None` means that the time is not known.
    pub fn observe(
        &mut self,
        state: &RampState,
        now_ns: impl FnOnce() -> Option<u64>,
    ) -> Option<HoldReason> {
        let reason = state.hold_reason;
        let is_holding = state.phase == Phase::Holding;
        let known = self.known.filter(|(epoch, _)| is_holding && *epoch == state.epoch);
        let Some((epoch, known)) = known else {
            self.known = is_holding.then_some((state.epoch, reason));
            return None;
        };
        if reason == known {
            return None;
        }
        let now_ns = now_ns()?;
        if self.logged_at_ns.is_some_and(|it| now_ns.saturating_sub(it) < INTERVAL_NS) {
            return None;
        }
        (self.known, self.logged_at_ns) = (Some((epoch, reason)), Some(now_ns));
        Some(reason)
    }
}
