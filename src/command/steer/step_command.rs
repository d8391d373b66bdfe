//! `verdigris pause`, `resume` and `approve`, and what `promote` and `weights` have in common with
//! them.

use clap::Args;

use super::arguments::{CommandArgs, StepArgs, token};
use super::report::CommandReport;
use super::request::CommandToSend;
use crate::command::console_client::ConsoleAddress;
use crate::command::output::CliError;
use crate::rollout::CommandKind;

/// The arguments of a command that may be for one step of a ramp.
#[derive(Args)]
pub struct StepCommandArgs {
    /// The consoles' addresses, such as http://127.0.0.1:9902.
    #[arg(value_name = "URL", value_parser = ConsoleAddress::parse, required = true)]
    pub consoles: Vec<ConsoleAddress>,
    #[command(flatten)]
    command: CommandArgs,
    #[command(flatten)]
    step: StepArgs,
}

// === impl StepCommandArgs ===

impl StepCommandArgs {
    /// Sends the command.
    ///
    /// # Errors
    /// There is no token.
    pub fn run(self, kind: CommandKind) -> Result<CommandReport, CliError> {
        Ok(self.command(kind)?.send(&self.consoles))
    }

    /// The command to send.
    ///
    /// # Errors
    /// There is no token.
    pub fn command(&self, kind: CommandKind) -> Result<CommandToSend, CliError> {
        Ok(CommandToSend {
            kind,
            reason: self.command.reason(),
            rollout: self.command.rollout.clone(),
            step: self.step.step,
            token: token("")?,
            timeout: self.command.timeout,
            without_token: "",
        })
    }
}
