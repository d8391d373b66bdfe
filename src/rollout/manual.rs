//! A manual rollout: weights in the configuration, and operator commands instead of a ramp.
//!
//! | command | effect |
//! |---|---|
//! | `weights` | green gets this share |
//! | `promote` | green gets all traffic |
//! | `rollback` | blue gets all traffic, forced and pinned requests too |
//! | `resume` | the configuration's weights are in force again; rejected where they are |
//! | `pause`, `approve` | rejected: there is no ramp |
//! | any that names a step | rejected: there is no ramp |

use serde::{Deserialize, Serialize};

use super::command_error::CommandError;
use super::decision_text;
use super::expected_step::ExpectedStep;
use super::operator_command::{CommandKind, OperatorCommand};
use super::phase::Phase;
use super::position::Position;
use super::transition_log::{Transition, TransitionLog};
use crate::assignment::{EffectiveShare, Share};

/// The state of a manual rollout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManualRollout {
    /// Green's share in the configuration.
    pub configured_share: Share,
    /// The operator command in effect.
    pub command: Option<OperatorCommand>,
    /// The newest transitions.
    pub log: TransitionLog,
}

// === impl ManualRollout ===

impl ManualRollout {
    /// A new rollout with the configured weights, at a time in seconds since 1970.
    pub fn new(configured_share: Share, unix_s: u64) -> Self {
        let mut rollout = Self { configured_share, command: None, log: TransitionLog::default() };
        let from = Position { phase: Phase::ByHand, green_bp: 0 };
        rollout.record_transition(from, decision_text::MANUAL_BEGINS.to_owned(), unix_s);
        rollout
    }

    /// The share by an operator command; `None` where the configuration's weights are in force.
    pub fn share_override(&self) -> Option<EffectiveShare> {
        match self.command.as_ref()?.kind {
            CommandKind::Rollback => Some(EffectiveShare::RolledBack),
            CommandKind::Promote => Some(EffectiveShare::Share(Share::ALL)),
            CommandKind::Weights(share) => Some(EffectiveShare::Share(share)),
            CommandKind::Pause | CommandKind::Resume | CommandKind::Approve => None,
        }
    }

    /// Applies an operator command, at a time in seconds since 1970, and returns the transition.
    ///
    /// # Errors
    /// Where the command needs a ramp, is for a step of one, or has no effect.
    pub fn apply(
        &mut self,
        command: OperatorCommand,
        expected: ExpectedStep,
        unix_s: u64,
    ) -> Result<Transition, CommandError> {
        let in_effect = self.command.as_ref().map(|command| command.kind);
        match command.kind {
            _ if expected != ExpectedStep::default() => Err(CommandError::NoRampInStep),
            CommandKind::Pause => Err(CommandError::NoRampToPause),
            CommandKind::Approve => Err(CommandError::NoRampToApprove),
            CommandKind::Resume if in_effect.is_none() => Err(CommandError::NoCommandInEffect),
            CommandKind::Rollback if in_effect == Some(CommandKind::Rollback) => {
                Err(CommandError::AlreadyRolledBack)
            }
            CommandKind::Promote if in_effect == Some(CommandKind::Promote) => {
                Err(CommandError::GreenHasAll)
            }
            _ => Ok(()),
        }?;
        let (from, why) = (self.position(), command.to_string());
        self.command = (command.kind != CommandKind::Resume).then_some(command);
        Ok(self.record_transition(from, why, unix_s))
    }

    /// Follows a configuration that comes into force, and that was configured when `before` was the
    /// command in effect. As [`Self::reconcile_share`], but a command that was given since stays.
    pub fn begin_share(
        &mut self,
        configured_share: Share,
        before: Option<&OperatorCommand>,
        unix_s: u64,
    ) -> Option<Transition> {
        let is_known = self.command.is_none() || self.command.as_ref() == before;
        self.follow_share(configured_share, is_known, unix_s)
    }

    /// Follows the configuration: new weights end the command in effect. Returns the
    /// transition, if the weights have changed.
    pub fn reconcile_share(&mut self, configured_share: Share, unix_s: u64) -> Option<Transition> {
        self.follow_share(configured_share, true, unix_s)
    }

    fn follow_share(
        &mut self,
        configured_share: Share,
        ends_command: bool,
        unix_s: u64,
    ) -> Option<Transition> {
        if self.configured_share == configured_share {
            return None;
        }
        let from = self.position();
        self.configured_share = configured_share;
        let ended = self.command.take_if(|_| ends_command);
        let why = decision_text::weights_changed(ended.map(|command| command.kind));
        Some(self.record_transition(from, why, unix_s))
    }

    /// The phase, and green's share in force.
    pub fn position(&self) -> Position {
        let (phase, share) = match self.share_override() {
            Some(EffectiveShare::RolledBack) => (Phase::RolledBack, Share::ZERO),
            Some(EffectiveShare::Share(share)) => (Phase::ByHand, share),
            None => (Phase::ByHand, self.configured_share),
        };
        Position { phase, green_bp: share.basis_points() }
    }

    fn record_transition(&mut self, from: Position, why: String, unix_s: u64) -> Transition {
        let transition = Transition { at_s: unix_s, from, to: self.position(), why };
        self.log.push(transition.clone());
        transition
    }
}
