//! The baseline of a ramp: all units are on blue, and what they are answered becomes their past
//! and teaches thresholds.
//!
//! | from | when | to |
//! |---|---|---|
//! | `ramping` | the baseline has ended | `ramping` in the shadow step or the first step |
//! | `ramping` | the configuration or an operator pauses the ramp | `paused` |
//!
//! Nothing is compared in it, because green has no requests. A configuration without a baseline ends
//! it at once. Operator commands and the tripwires are those of a step.

use super::clocks::Clocks;
use super::decision_text;
use super::hold_reason::HoldReason;
use super::phase::Phase;
use super::spec::RampSpec;
use super::state::RampState;
use super::transition_log::Transition;
use crate::analysis::Observation;

// === impl RampState ===

impl RampState {
    /// Learns the past of units and thresholds from a tick of the baseline.
    pub(super) fn learn_baseline(&mut self, spec: &RampSpec, observations: &[Observation]) {
        if !self.is_baseline() || self.phase == Phase::RolledBack {
            return;
        }
        let is_own = |it: &&Observation| it.epoch == self.epoch && it.shadow.is_none();
        let own: Vec<Observation> = observations.iter().filter(is_own).copied().collect();
        self.evidence.learn_baseline(&spec.analysis, &own);
    }

    /// Decides by the configuration and the time.
    pub(super) fn evaluate_baseline(&mut self, spec: &RampSpec, now: Clocks) -> Option<Transition> {
        if let Some(decided) = self.follow_operator(spec, now) {
            return decided;
        }
        self.hold_reason = HoldReason::Baseline;
        if u128::from(self.time_in_step_ns(now)) < spec.baseline.as_nanos() {
            return None;
        }
        let from = self.position(spec);
        self.leave_baseline(spec, now);
        Some(self.record_transition(spec, from, decision_text::BASELINE_ENDS.to_owned(), now))
    }
}
