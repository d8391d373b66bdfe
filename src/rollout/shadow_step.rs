//! The shadow step of a ramp: green answers copies of blue's requests before any user is on it.
//!
//! | from | when | to |
//! |---|---|---|
//! | any | a tripwire trips by the copies, or the pairs show that green is worse | `rolled_back` |
//! | `ramping`, `holding` | the pairs show that green is safe, and the first step needs no approval | `ramping` in the first step |
//! | `ramping` | there are [`max_pairs`](super::spec::ShadowStep::max_pairs), or the timeout is over, and green is not shown to be safe | `holding` |
//! | `ramping` | green is safe, and the first step needs approval | `holding` |
//!
//! The step has no bake time and no warm-up: both responses of a pair belong to the same request, so
//! there is no time in which only short ones have ended. While the ramp holds, pairs are compared
//! still, and may decide.

use super::clocks::Clocks;
use super::decision_text;
use super::hold_reason::HoldReason;
use super::paired_text;
use super::phase::Phase;
use super::spec::{RampSpec, ShadowStep};
use super::state::RampState;
use super::transition_log::Transition;
use crate::analysis::{Observation, PairedAnalysis, StepIndex, Verdict};

// === impl RampState ===

impl RampState {
    /// The analysis of the pairs; `None` in a ramp without a shadow step.
    pub fn analyse_pairs(&self, spec: &RampSpec) -> Option<PairedAnalysis> {
        spec.shadow?;
        Some(PairedAnalysis::new(&spec.analysis, &self.pairs))
    }

    /// Adds the pairs of a tick. After a rollback there are none, so that the evidence stays as the
    /// decision saw it.
    pub(super) fn add_pairs(&mut self, spec: &RampSpec, observations: &[Observation]) {
        if !self.is_shadow_step() || self.phase == Phase::RolledBack {
            return;
        }
        let own: Vec<Observation> =
            observations.iter().filter(|it| it.epoch == self.epoch).copied().collect();
        self.pairs.add(&spec.analysis, &mut self.evidence, &own);
    }

    /// Decides by the pairs, the configuration and the time. `incident` says in words that green is
    /// beyond a tripwire's limit and blue is about as bad.
    pub(super) fn evaluate_shadow_step(
        &mut self,
        spec: &RampSpec,
        incident: Option<String>,
        now: Clocks,
    ) -> Option<Transition> {
        // A configuration without the step has been followed already.
        let (shadow, analysis) = (spec.shadow?, self.analyse_pairs(spec)?);
        if analysis.verdict == Verdict::Fail {
            let why = paired_text::worse(&analysis, &spec.analysis);
            return Some(self.roll_back(spec, why, now));
        }
        if let Some(decided) = self.follow_operator(spec, now) {
            return decided;
        }
        match incident {
            Some(why) => self.hold_for_incident(spec, &why, now),
            None => self.leave_or_hold(spec, shadow, &analysis, now),
        }
    }

    /// Enters the first step if green is safe; otherwise waits for more pairs, or holds.
    fn leave_or_hold(
        &mut self,
        spec: &RampSpec,
        shadow: ShadowStep,
        analysis: &PairedAnalysis,
        now: Clocks,
    ) -> Option<Transition> {
        let was_incident = self.hold_reason == HoldReason::Incident;
        let reason = match spec.step(StepIndex::FIRST) {
            _ if analysis.verdict != Verdict::Pass && analysis.is_uneven() => HoldReason::Unread,
            _ if analysis.verdict != Verdict::Pass => HoldReason::Pairs,
            Some(first) if first.needs_approval => HoldReason::Approval,
            _ => {
                let from = self.position(spec);
                self.phase = Phase::Ramping;
                self.leave_shadow_step(spec, now);
                let why = paired_text::safe(analysis, &spec.analysis);
                return Some(self.record_transition(spec, from, why, now));
            }
        };
        let is_overdue = u128::from(self.time_in_step_ns(now)) >= spec.timeout.as_nanos();
        let has_all_pairs = analysis.pairs >= shadow.max_pairs;
        self.hold_reason = reason;
        if reason != HoldReason::Approval && !is_overdue && !has_all_pairs {
            return was_incident
                .then(|| self.set_phase(spec, Phase::Ramping, decision_text::INCIDENT_OVER, now));
        }
        let was_overdue = std::mem::replace(&mut self.is_overdue, is_overdue);
        // Another reason is no decision: near a limit it can change at each tick.
        if self.phase != Phase::Holding || was_incident || is_overdue && !was_overdue {
            let why = paired_text::waits(reason, is_overdue, shadow, analysis, &spec.analysis);
            return Some(self.set_phase(spec, Phase::Holding, &why, now));
        }
        None
    }
}
