//! What an order does to a ramp.
//!
//! | order | `ramping`, `holding` | `paused` | `promoted` | `rolled_back` |
//! |---|---|---|---|---|
//! | `pause` | `paused`, the share stays | refused | refused | refused |
//! | `resume` | refused | goes on with its step, if an order paused it | the same, if an order promoted it | refused |
//! | `rollback` | `rolled_back` | `rolled_back` | `rolled_back` | refused |
//! | `promote` | `promoted`, green has everything | `promoted` | refused | refused |
//! | `approve` | the next step, if `holding` waits for approval | refused | refused | refused |
//! | `weights` | `paused` with this share | the same | the same | refused |
//!
//! Of a ramp that has lost its state, which is `paused`, `pause` and `resume` are refused; what
//! else is ordered holds, and with its end the ramp waits again.
//!
//! Tripwires look at green's responses in any phase. A share by hand is no step's: what it
//! decides is evidence of none, and the judge goes on with what comes late of the step. Nor is
//! its time any step's: bake time and timeout stand still, and the step must get warm anew.
//! A pause goes on gathering evidence at the step's share, and its time counts. After
//! `promote` the judge is not asked.
//!
//! An order holds until the ramp changes in the configuration, in whatever; a rollback until
//! `restart` does.

use super::controller::HOW_TO_RESTART;
use super::phase::{HoldReason, Phase};
use super::spec::RampSpec;
use super::state::{Clocks, RampState, SpecFingerprint};
use super::transition_log::Transition;
use super::{CommandError, CommandKind, OperatorCommand};
use crate::assignment::Share;

// === impl State ===

impl RampState {
    /// Does as ordered; what that has decided.
    pub fn apply(
        &mut self,
        settings: &RampSpec,
        order: OperatorCommand,
        now: Clocks,
    ) -> Result<Transition, CommandError> {
        if self.observed_spec != SpecFingerprint::new(settings) {
            return Err(CommandError::CONFIG_CHANGING);
        }
        self.validate(order.kind)?;
        self.bump_revision(now);
        let (from, why) = (self.position(settings), order.to_string());
        match order.kind {
            CommandKind::Pause => {
                (self.phase, self.hold_reason) = (Phase::Paused, HoldReason::Resume);
                self.command = Some(order);
            }
            CommandKind::Weights(_) => {
                self.phase = Phase::Paused;
                self.hold_unless_state_lost(HoldReason::Resume);
                self.suspend_step(now);
                self.clear_windows(settings);
                self.command = Some(order);
            }
            CommandKind::Promote => {
                self.phase = Phase::Promoted;
                self.hold_unless_state_lost(HoldReason::Nothing);
                self.suspend_step(now);
                self.clear_windows(settings);
                self.command = Some(order);
            }
            CommandKind::Rollback => {
                (self.phase, self.hold_reason) = (Phase::RolledBack, HoldReason::Restart);
                self.command = Some(order);
            }
            CommandKind::Resume => {
                self.clear_override(settings, now);
            }
            CommandKind::Approve => {
                self.phase = Phase::Ramping;
                self.enter_step(settings, self.step + 1, now);
            }
        }
        Ok(self.record_transition(settings, from, why, now))
    }

    /// Green's share, where it is ordered and no step's.
    pub fn override_share(&self) -> Option<Share> {
        match self.command.as_ref()?.kind {
            CommandKind::Weights(share) => Some(share),
            CommandKind::Promote => Some(Share::ALL),
            CommandKind::Rollback
            | CommandKind::Pause
            | CommandKind::Resume
            | CommandKind::Approve => None,
        }
    }

    /// What was ordered ends, and the ramp goes on with the step that it was in; what that
    /// was.
    pub(super) fn clear_override(
        &mut self,
        settings: &RampSpec,
        now: Clocks,
    ) -> Option<OperatorCommand> {
        let order = self.command.take()?;
        self.resume_step(now);
        self.clear_windows(settings);
        let is_lost = self.hold_reason == HoldReason::StateLost;
        // Whether it waits for anything else the next tick tells.
        if is_lost || settings.is_paused {
            self.phase = Phase::Paused;
            self.hold_unless_state_lost(HoldReason::Resume);
        } else {
            (self.phase, self.hold_reason) = (Phase::Ramping, HoldReason::Bake);
        }
        Some(order)
    }

    /// A ramp that has lost its state still waits for `restart` when an order ends.
    fn hold_unless_state_lost(&mut self, wait: HoldReason) {
        if self.hold_reason != HoldReason::StateLost {
            self.hold_reason = wait;
        }
    }

    fn validate(&self, verb: CommandKind) -> Result<(), CommandError> {
        use Phase::{Paused, Promoted, RolledBack};
        let held = self.command.as_ref().map(|order| order.kind);
        let why = match (verb, self.phase) {
            (CommandKind::Rollback, RolledBack) => "it is rolled back already",
            (_, RolledBack) => HOW_TO_RESTART,
            (CommandKind::Rollback | CommandKind::Weights(_), _) => return Ok(()),
            (CommandKind::Promote, Promoted) => "it is promoted already",
            (CommandKind::Promote, _) => return Ok(()),
            (CommandKind::Resume, _) if held.is_some() => return Ok(()),
            (CommandKind::Pause | CommandKind::Resume, Paused)
                if self.hold_reason == HoldReason::StateLost =>
            {
                "the ramp has lost its state and is on blue: to begin it again, change \
                 ramp.restart; to go on by hand, order promote or weights"
            }
            (CommandKind::Resume, Paused) => {
                "it was not paused by hand: the configuration says paused, take ramp.paused out"
            }
            (CommandKind::Resume, _) => "nothing is paused",
            (CommandKind::Pause, Paused) if held.is_some() => "it is paused already, by hand",
            (CommandKind::Pause, Paused) => "the configuration says paused already",
            (CommandKind::Pause, Promoted) => {
                "it is promoted: there is no step to come that could wait"
            }
            (CommandKind::Pause, _) => return Ok(()),
            (CommandKind::Approve, _) if self.hold_reason == HoldReason::Approval => return Ok(()),
            (CommandKind::Approve, Paused) => "it is paused: end that first",
            (CommandKind::Approve, Promoted) => "it is promoted: no step is to come",
            (CommandKind::Approve, _) => {
                "no step waits for approval: before that comes its bake time is over and green \
                 is shown to be safe"
            }
        };
        Err(CommandError(why))
    }
}
