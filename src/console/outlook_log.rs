//! Which outlooks are logged: that a step will not have enough evidence, once in each step by the worker
//! that decides.

use super::outlook::Outlook;
use crate::assignment::Epoch;
use crate::rollout::{Phase, RampState};

/// Which outlooks are logged.
#[derive(Debug, Default)]
pub struct OutlookLog {
    /// The epoch of the step whose outlook is in the log.
    logged: Option<Epoch>,
    /// When a state was looked at last, on the ramp's clock.
    looked_at_ns: u64,
}

/// The time between two looks, in nanoseconds. Each of them is an analysis.
const INTERVAL_NS: u64 = 60_000_000_000;

/// The page has it between numbers and words.
const NO_BREAK_SPACE: char = '\u{a0}';

// === impl OutlookLog ===

impl OutlookLog {
    /// Returns the outlook of the state's step if it is to be logged now. Calls `look` once a minute, while
    /// the step compares versions and its outlook is not in the log. A state's revision is the time of its
    /// change.
    pub fn observe(
        &mut self,
        state: &RampState,
        look: impl FnOnce() -> Option<Outlook>,
    ) -> Option<String> {
        let is_logged = self.logged == Some(state.epoch);
        let is_comparing = matches!(state.phase, Phase::Ramping | Phase::Holding);
        let is_early = state.revision.abs_diff(self.looked_at_ns) < INTERVAL_NS;
        if is_logged || !is_comparing || is_early {
            return None;
        }
        self.looked_at_ns = state.revision;
        let Outlook::TooLittle(text) = look()? else { return None };
        self.logged = Some(state.epoch);
        Some(text.replace(NO_BREAK_SPACE, " "))
    }
}
