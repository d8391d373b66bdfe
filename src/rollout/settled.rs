//! When a ramp without traffic changes.
//!
//! Most ticks of most ramps bring no observation. A reconcile without observations that has changed
//! nothing changes nothing again before a time that the state knows: a step has lasted for its bake time,
//! a tripwire's window loses its oldest responses. Until then nothing is computed, and nothing is written.

use super::clocks::{Clocks, SECOND_NS};
use super::spec::RampSpec;
use super::state::RampState;

/// What a reconcile without observations has left as it was.
#[derive(Debug)]
pub(super) struct Settled {
    spec: RampSpec,
    /// In nanoseconds of the monotonic clock.
    until_ns: u64,
    /// Whether there were differences at the last look at this state; `None` before it.
    pub(super) has_sample: Option<bool>,
}

// === impl Settled ===

impl Settled {
    /// What this state is, after a reconcile without observations that has changed nothing.
    pub(super) fn new(spec: &RampSpec, state: &RampState, now: Clocks) -> Self {
        Self { spec: spec.clone(), until_ns: state.next_change_ns(spec, now), has_sample: None }
    }

    /// Whether a reconcile without observations changes nothing now either.
    pub(super) fn holds(&self, spec: &RampSpec, now: Clocks) -> bool {
        now.monotonic_ns < self.until_ns && self.spec == *spec
    }
}

// === impl RampState ===

impl RampState {
    /// The first time after now at which a reconcile without observations may change the state, in
    /// nanoseconds of the monotonic clock, where one now has changed nothing.
    pub fn next_change_ns(&self, spec: &RampSpec, now: Clocks) -> u64 {
        let durations = [spec.baseline, spec.bake, spec.timeout].into_iter();
        let of_step = durations.filter_map(|it| self.step_reaches_ns(it));
        let windows = spec.tripwires.iter().zip(&self.windows);
        let of_windows = windows.filter_map(|(tripwire, window)| {
            let expiry_s = tripwire.next_expiry_s(window, now.monotonic_s())?;
            Some(expiry_s.saturating_mul(SECOND_NS))
        });
        let of_evidence = self.evidence.changes_ns(&spec.analysis);
        let all = of_step.chain(of_windows).chain(of_evidence);
        all.filter(|it| *it > now.monotonic_ns).min().unwrap_or(u64::MAX)
    }
}
