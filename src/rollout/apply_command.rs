//! The effect of operator commands on a ramp.
//!
//! | command | `ramping`, `holding` | `paused` | `promoted` | `rolled_back` |
//! |---|---|---|---|---|
//! | `pause` | `paused`, the share stays | rejected | rejected | rejected |
//! | `resume` | rejected | the step continues, if a command paused it | the step continues, if a command promoted it | rejected |
//! | `rollback` | `rolled_back` | `rolled_back` | `rolled_back` | rejected |
//! | `promote` | `promoted`, green gets all traffic | `promoted` | rejected | rejected |
//! | `approve` | the next step, if `holding` for approval | rejected | rejected | rejected |
//! | `weights` | `paused` with this share | the same | the same | rejected |
//!
//! A ramp that has lost its state is `paused`; it rejects `pause` and `resume`. The other commands
//! take effect, and when they end, the ramp waits again.
//!
//! Tripwires observe green's responses in every phase. While an operator's share is in force,
//! assignments are not evidence of any step, and the step's clock is stopped: bake time and
//! timeout do not advance, and the warm-up starts again afterwards. Late responses of the step
//! still count. A pause keeps the step's share, so evidence and time continue. After `promote` the
//! analysis is shown, and the gates decide nothing; tripwires still roll back.
//!
//! A command stays in effect until anything changes in the ramp's configuration; a rollback
//! until `restart` changes.

use super::clocks::Clocks;
use super::command_error::CommandError;
use super::fingerprint::SpecFingerprint;
use super::hold_reason::HoldReason;
use super::operator_command::{CommandKind, OperatorCommand};
use super::phase::Phase;
use super::spec::RampSpec;
use super::state::RampState;
use super::transition_log::Transition;
use crate::assignment::Share;

// === impl RampState ===

impl RampState {
    /// Applies an operator command and returns the transition.
    ///
    /// # Errors
    /// [`CommandError::ConfigChanging`] where the state was reconciled with another
    /// specification than `spec`, or the ramp is to begin again after weights, which would end the
    /// command; other errors where the command is not valid in this phase.
    pub fn apply(
        &mut self,
        spec: &RampSpec,
        command: OperatorCommand,
        now: Clocks,
    ) -> Result<Transition, CommandError> {
        let is_rollback = command.kind == CommandKind::Rollback;
        if self.observed_spec != SpecFingerprint::new(spec)
            || (self.begins_after_weights() && !is_rollback)
        {
            return Err(CommandError::ConfigChanging);
        }
        self.validate(command.kind)?;
        self.bump_revision(now);
        let (from, why) = (self.position(spec), command.to_string());
        match command.kind {
            CommandKind::Pause => {
                (self.phase, self.hold_reason) = (Phase::Paused, HoldReason::Resume);
                self.command = Some(command);
            }
            CommandKind::Weights(_) => {
                self.phase = Phase::Paused;
                self.override_step(spec, command, HoldReason::Resume, now);
            }
            CommandKind::Promote => {
                self.phase = Phase::Promoted;
                self.override_step(spec, command, HoldReason::Nothing, now);
            }
            CommandKind::Rollback => {
                (self.phase, self.hold_reason) = (Phase::RolledBack, HoldReason::Restart);
                self.command = Some(command);
            }
            CommandKind::Resume => {
                self.clear_override(spec, now);
            }
            CommandKind::Approve => {
                self.phase = Phase::Ramping;
                match self.is_shadow_step() {
                    true => self.leave_shadow_step(spec, now),
                    false => self.enter_step(spec, self.step.next(), now),
                }
            }
        }
        Ok(self.record_transition(spec, from, why, now))
    }

    /// Green's share by an operator command; `None` where the step's share is in force, or blue
    /// has all traffic.
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

    /// Ends the command in effect and returns it. The ramp continues in its step.
    pub(super) fn clear_override(
        &mut self,
        spec: &RampSpec,
        now: Clocks,
    ) -> Option<OperatorCommand> {
        let command = self.command.take()?;
        self.resume_step(spec, now);
        self.clear_windows(spec);
        let is_lost = self.hold_reason == HoldReason::StateLost;
        if is_lost || spec.is_paused {
            self.phase = Phase::Paused;
            self.hold_unless_state_lost(HoldReason::Resume);
        } else {
            // The next reconcile finds whether it waits for anything else.
            (self.phase, self.hold_reason) = (Phase::Ramping, HoldReason::Bake);
        }
        Some(command)
    }

    /// Puts a command's share in force instead of the step's.
    fn override_step(
        &mut self,
        spec: &RampSpec,
        command: OperatorCommand,
        reason: HoldReason,
        now: Clocks,
    ) {
        self.hold_unless_state_lost(reason);
        self.suspend_step(now);
        self.clear_windows(spec);
        self.command = Some(command);
    }

    /// Sets the hold reason, except where the state was lost: such a ramp still waits for
    /// `restart` when the command ends.
    fn hold_unless_state_lost(&mut self, reason: HoldReason) {
        if self.hold_reason != HoldReason::StateLost {
            self.hold_reason = reason;
        }
    }

    /// Whether a command is valid in this phase.
    fn validate(&self, kind: CommandKind) -> Result<(), CommandError> {
        use Phase::{Paused, Promoted, RolledBack};
        let has_command = self.command.is_some();
        match (kind, self.phase) {
            (CommandKind::Rollback, RolledBack) => Err(CommandError::AlreadyRolledBack),
            (_, RolledBack) => Err(CommandError::RolledBack),
            (CommandKind::Rollback | CommandKind::Weights(_), _) => Ok(()),
            (CommandKind::Promote, Promoted) => Err(CommandError::AlreadyPromoted),
            (CommandKind::Promote, _) => Ok(()),
            (CommandKind::Resume, _) if has_command => Ok(()),
            (CommandKind::Pause | CommandKind::Resume, Paused)
                if self.hold_reason == HoldReason::StateLost =>
            {
                Err(CommandError::StateLost)
            }
            (CommandKind::Resume, Paused) => Err(CommandError::PausedByConfig),
            (CommandKind::Resume, _) => Err(CommandError::NothingPaused),
            (CommandKind::Pause, Paused) if has_command => Err(CommandError::AlreadyPaused),
            (CommandKind::Pause, Paused) => Err(CommandError::AlreadyPausedByConfig),
            (CommandKind::Pause, Promoted) => Err(CommandError::NoStepToPause),
            (CommandKind::Pause, _) => Ok(()),
            (CommandKind::Approve, _) if self.hold_reason == HoldReason::Approval => Ok(()),
            (CommandKind::Approve, Paused) => Err(CommandError::ApprovalWhilePaused),
            (CommandKind::Approve, Promoted) => Err(CommandError::ApprovalAfterPromotion),
            (CommandKind::Approve, _) => Err(CommandError::NoStepNeedsApproval),
        }
    }
}
