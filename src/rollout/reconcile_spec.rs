//! How a ramp follows a changed specification.
//!
//! | changed | effect |
//! |---|---|
//! | `restart` | the ramp begins again, after a rollback too |
//! | weights have replaced the ramp, and the ramp them | the ramp begins again, unless it was rolled back |
//! | the shadow step is removed while the ramp is in it | the ramp enters its first step |
//! | from the first step on, the share of the current step or of one before it | the ramp continues in the step with the next smaller or equal share, without its evidence and the past of units |
//! | the analysis settings, the share of a later step, or any share before the first step | the step continues without its evidence, and with the past of units from before it |
//! | the tripwires | their windows are cleared |
//! | anything else | no effect on the step |
//!
//! Every change ends an operator command, except a rollback, which only `restart` ends.

use super::clocks::Clocks;
use super::decision_text;
use super::fingerprint::SpecFingerprint;
use super::phase::Phase;
use super::position::Position;
use super::spec::RampSpec;
use super::state::RampState;
use super::transition_log::Transition;
use crate::analysis::{PairedEvidence, StepIndex};
use crate::assignment::Share;

// === impl RampState ===

impl RampState {
    /// Follows what the operator has changed since the last reconcile.
    pub(super) fn reconcile_spec(&mut self, spec: &RampSpec, now: Clocks) -> Option<Transition> {
        if self.begins_after_weights() {
            return Some(self.begin_after_weights(spec, now));
        }
        let fingerprint = SpecFingerprint::new(spec);
        if fingerprint == self.observed_spec {
            return None;
        }
        let before = std::mem::replace(&mut self.observed_spec, fingerprint);
        let share_bp = before.shares_bp.get(self.step.get()).copied().unwrap_or_default();
        let in_force_bp = self.override_share().map_or(share_bp, Share::basis_points);
        let has_no_green =
            self.is_all_blue() || (self.is_before_first_step() && self.override_share().is_none());
        let green_bp = if has_no_green { 0 } else { in_force_bp };
        let from = Position { phase: self.phase, green_bp };
        let is_restart = before.restart != self.observed_spec.restart;
        let ended_command = if is_restart || self.phase != Phase::RolledBack {
            self.clear_override(spec, now)
        } else {
            None
        };
        let ended = ended_command.map(|command| decision_text::command_ended(command.kind));
        let changed = self.apply_spec_change(spec, &before, share_bp, now);
        let why: Vec<_> = ended.into_iter().chain(changed).collect();
        (!why.is_empty()).then(|| self.record_transition(spec, from, why.join("; "), now))
    }

    /// Whether weights were in force since, so that the next reconcile begins the ramp again.
    pub(super) fn begins_after_weights(&self) -> bool {
        self.is_replaced && self.phase != Phase::RolledBack
    }

    /// Begins again after weights were in force. What was seen before them says nothing of what green is now.
    fn begin_after_weights(&mut self, spec: &RampSpec, now: Clocks) -> Transition {
        let from = Position { phase: self.phase, green_bp: 0 };
        self.observed_spec = SpecFingerprint::new(spec);
        self.clear_override(spec, now);
        self.begin_again(spec, now);
        self.record_transition(spec, from, decision_text::BEGINS_AFTER_WEIGHTS.to_owned(), now)
    }

    /// Applies the changes since the specification was `before`, when the step's share was
    /// `share_bp`. Returns the text that describes them.
    fn apply_spec_change(
        &mut self,
        spec: &RampSpec,
        before: &SpecFingerprint,
        share_bp: u32,
        now: Clocks,
    ) -> Option<String> {
        let after = self.observed_spec.clone();
        if before.restart != after.restart {
            self.begin_again(spec, now);
            return Some(decision_text::begins_again(&after.restart));
        }
        if self.is_all_blue() {
            if before.analysis != after.analysis {
                // The sums of the former gates would count as those of the new ones.
                self.evidence.steps.clear();
                self.pairs = PairedEvidence::default();
            }
            if before.tripwires != after.tripwires {
                self.clear_windows(spec);
            }
            return None;
        }
        if self.is_shadow_step() && !after.has_shadow_step {
            self.phase = Phase::Ramping;
            self.leave_shadow_step(spec, now);
            return Some(decision_text::SHADOW_STEP_REMOVED.to_owned());
        }
        let up_to_step = ..=self.step.get();
        let has_other_share = before.shares_bp.get(up_to_step) != after.shares_bp.get(up_to_step);
        // Before the first step no share is in force.
        if has_other_share && !self.is_before_first_step() {
            let not_larger = after.shares_bp.iter().take_while(|it| **it <= share_bp).count();
            self.phase = Phase::Ramping;
            self.reset_evidence(spec, StepIndex::new(not_larger.saturating_sub(1)), now);
            return Some(decision_text::STEPS_CHANGED.to_owned());
        }
        if before.analysis != after.analysis || before.shares_bp != after.shares_bp {
            if self.phase == Phase::Holding {
                self.phase = Phase::Ramping;
            }
            self.gather_again(spec, now);
            let why = match has_other_share {
                true => decision_text::STEPS_CHANGED_BEFORE_FIRST,
                false => decision_text::ANALYSIS_CHANGED,
            };
            return Some(why.to_owned());
        }
        if before.tripwires != after.tripwires {
            self.clear_windows(spec);
            return Some(decision_text::TRIPWIRES_CHANGED.to_owned());
        }
        None
    }
}
