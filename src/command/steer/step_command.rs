//! `verdigris pause`, `resume` and `approve`.

use clap::Args;

use super::arguments::{CommandArgs, StepArgs, token};
use super::report::CommandReport;
use super::request::CommandToSend;
use crate::command::console_client::ConsoleAddress;
use crate::command::output::CliError;
use crate::rollout::CommandKind;

/// The arguments of a command on the current step of a ramp.
#[derive(Args)]
pub struct StepCommandArgs {
    /// The consoles' addresses, such as http://127.0.0.1:9902.
    #[arg(value_name = "URL", value_parser = ConsoleAddress::parse, required = true)]
    consoles: Vec<ConsoleAddress>,
    #[command(flatten)]
    command: CommandArgs,
    #[command(flatten)]
    step: StepArgs,
}

/// A command on the current step of a ramp.
#[derive(Clone, Copy, Debug)]
pub enum StepCommand {
    Pause,
    Resume,
    Approve,
}

// === impl StepCommandArgs ===

impl StepCommandArgs {
    /// Sends the command.
    ///
    /// # Errors
    /// There is no token.
    pub fn run(self, command: StepCommand) -> Result<CommandReport, CliError> {
        let command = CommandToSend {
            kind: match command {
                StepCommand::Pause => CommandKind::Pause,
                StepCommand::Resume => CommandKind::Resume,
                StepCommand::Approve => CommandKind::Approve,
            },
            reason: self.command.reason(),
            rollout: self.command.rollout,
            step: self.step.step,
            token: token("")?,
            without_token: "",
        };
        Ok(command.send(&self.consoles))
    }
}
