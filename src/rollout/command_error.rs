//! Why an operator command is rejected.

use std::fmt;

use super::store::StoreError;

/// Why an operator command is rejected. Its text tells the operator what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandError {
    /// The command has no reason.
    NoReason,
    /// The command's reason has a character that a reader would not see.
    HiddenCharacter,
    /// This worker's configuration is not the one that the state was reconciled with.
    ConfigChanging,
    /// In a fleet, another configuration has replaced this Envoy's.
    ConfigReplaced,
    /// The command names a step that is not the current one.
    StepChanged,
    /// The stored state could not be read or written.
    StoreUnavailable,
    /// Too many commands wait for a fleet's store.
    TooManyCommands,
    /// The rollout takes no commands: it serves shadow traffic.
    NotControllable,
    /// The rollout is rolled back, and only `restart` ends that.
    RolledBack,
    /// A rollback of a rollout that is rolled back.
    AlreadyRolledBack,
    /// A promotion of a ramp that is promoted.
    AlreadyPromoted,
    /// A promotion of a manual rollout that is promoted.
    GreenHasAll,
    /// The ramp has lost its state.
    StateLost,
    /// A pause of a ramp that a command has paused.
    AlreadyPaused,
    /// A pause of a ramp that the configuration has paused.
    AlreadyPausedByConfig,
    /// A resume of a ramp that the configuration has paused.
    PausedByConfig,
    /// A resume of a ramp that is not paused.
    NothingPaused,
    /// A pause of a ramp that is promoted.
    NoStepToPause,
    /// An approval while the ramp is paused.
    ApprovalWhilePaused,
    /// An approval of a ramp that is promoted.
    ApprovalAfterPromotion,
    /// An approval while no step waits for one.
    NoStepNeedsApproval,
    /// A pause of a manual rollout.
    NoRampToPause,
    /// An approval of a manual rollout.
    NoRampToApprove,
    /// A command to a manual rollout that names a step.
    NoRampInStep,
    /// A resume of a manual rollout without a command in effect.
    NoCommandInEffect,
}

// === impl CommandError ===

impl CommandError {
    /// The text for the operator.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoReason => {
                "the command has no reason: state one, others will read it in the log"
            }
            Self::HiddenCharacter => {
                "the reason has an invisible character, or one that changes the direction of the \
                 text: remove it, others will read the reason in the log"
            }
            Self::ConfigChanging => {
                "the configuration is changing at this moment: repeat the command in a second"
            }
            Self::ConfigReplaced => {
                "another configuration has replaced this Envoy's in the fleet: send the command to the \
                 console of an Envoy that has the new one, or give this Envoy the new one first"
            }
            Self::StepChanged => {
                "the ramp is not in the step that the command is for: look at its status again"
            }
            Self::StoreUnavailable => {
                "the state of the rollout is not available at this moment: repeat the command in a \
                 second"
            }
            Self::TooManyCommands => {
                "too many commands wait for the fleet's store: repeat the command in a second"
            }
            Self::NotControllable => "this rollout takes no commands",
            Self::RolledBack => {
                "the rollout is rolled back: to start again, remove ramp.rolled_back if it is set \
                 and change ramp.restart, or use another rollout name"
            }
            Self::AlreadyRolledBack => "the rollout is rolled back already",
            Self::AlreadyPromoted => "the ramp is promoted already",
            Self::GreenHasAll => "green has all traffic already",
            Self::StateLost => {
                "the ramp has lost its state and is on blue: to start it again, change \
                 ramp.restart; to continue without it, use promote or weights"
            }
            Self::AlreadyPaused => "the ramp is paused already, by a command",
            Self::AlreadyPausedByConfig => "the ramp is paused already, by the configuration",
            Self::PausedByConfig => {
                "the configuration pauses the ramp, not a command: remove ramp.paused"
            }
            Self::NothingPaused => "nothing is paused",
            Self::NoStepToPause => "the ramp is promoted: there is no later step to pause before",
            Self::ApprovalWhilePaused => "the ramp is paused: end the pause first",
            Self::ApprovalAfterPromotion => "the ramp is promoted: there is no later step",
            Self::NoStepNeedsApproval => {
                "no step waits for approval: first its bake time must end and green must be shown \
                 to be safe"
            }
            Self::NoRampToPause => "the weights are manual: there is no ramp to pause",
            Self::NoRampToApprove => "the weights are manual: there is no step to approve",
            Self::NoRampInStep => {
                "the weights are manual: there is no ramp in the step that the command is for"
            }
            Self::NoCommandInEffect => {
                "no command is in effect: the configuration's weights are in force"
            }
        }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::error::Error for CommandError {}

impl From<StoreError> for CommandError {
    fn from(_: StoreError) -> Self {
        Self::StoreUnavailable
    }
}
