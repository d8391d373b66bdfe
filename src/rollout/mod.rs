//! The rollout: the ramp's steps, the controller that advances it, and operator commands.
//!
//! | file | concept |
//! |---|---|
//! | [`spec`] | what the operator wants of a ramp |
//! | [`phase`] | where it stands, and what it waits for |
//! | [`state`] | all that is known of it |
//! | [`controller`] | a tick's observations in, decisions out |
//! | [`operator_command`] | a command, and why one is refused |
//! | [`apply_command`] | what a command does to a ramp |
//! | [`manual`] | a rollout without a ramp |
//! | [`snapshot`] | what every worker needs to know |
//! | [`measurements`] | what a response's outcome tells the judge |
//! | [`transition_log`] | the decision log |
//! | [`decimal`] | numbers in it |
//!
//! A command holds until `weights` or `ramp` changes in the configuration.

pub mod apply_command;
pub mod controller;
pub mod decimal;
pub mod manual;
pub mod measurements;
pub mod operator_command;
pub mod phase;
pub mod snapshot;
pub mod spec;
pub mod state;
pub mod transition_log;

pub use manual::ManualRollout;
pub use operator_command::{CommandError, CommandKind, OperatorCommand};
pub use phase::{HoldReason, Phase};
pub use snapshot::Snapshot;
pub use spec::{RampSpec, RampStep};
pub use state::{Clocks, RampState};
pub use transition_log::Transition;
