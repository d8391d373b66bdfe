//! `verdigris weights`: sets the weights by operator command.

use clap::Args;

use super::arguments::{CommandArgs, StepArgs, token};
use super::report::CommandReport;
use super::request::CommandToSend;
use crate::command::console_client::ConsoleAddress;
use crate::command::output::CliError;
use crate::command::set_weights::parse_two_weights;
use crate::rollout::CommandKind;

/// Sets the weights of blue and green by operator command, and pauses a ramp.
///
/// The command asks each console, with the token from the environment variable
/// VERDIGRIS_CONSOLE_TOKEN. The weights last until `resume`, until the configuration of the ramp or
/// the weights change, or until Envoy restarts. To change the file that Envoy watches, use
/// set-weights.
#[derive(Args)]
pub struct WeightsArgs {
    /// Blue's weight, such as 75.
    blue: String,
    /// Green's weight, such as 25.
    green: String,
    /// The consoles' addresses, such as http://127.0.0.1:9902.
    #[arg(value_name = "URL", value_parser = ConsoleAddress::parse, required = true)]
    consoles: Vec<ConsoleAddress>,
    #[command(flatten)]
    command: CommandArgs,
    #[command(flatten)]
    step: StepArgs,
}

// === impl WeightsArgs ===

impl WeightsArgs {
    /// Sets the weights.
    ///
    /// # Errors
    /// They are no weights, or there is no token.
    pub fn run(self) -> Result<CommandReport, CliError> {
        let weights = parse_two_weights(&self.blue, &self.green).map_err(|fix| {
            CliError::Usage(format!("{fix}, before the URL: verdigris weights 75 25 URL"))
        })?;
        let command = CommandToSend {
            kind: CommandKind::Weights(weights),
            reason: self.command.reason(),
            rollout: self.command.rollout,
            step: self.step.step,
            token: token("")?,
            without_token: "",
        };
        Ok(command.send(&self.consoles))
    }
}
