//! `verdigris weights`: sets the weights by operator command.

use clap::Args;

use super::report::CommandReport;
use super::step_command::StepCommandArgs;
use crate::command::output::CliError;
use crate::command::set_weights::parse_two_weights;
use crate::rollout::CommandKind;

/// Sets the weights of blue and green by operator command, and pauses a ramp.
///
/// The command asks each console, with the token from the environment variable
/// VERDIGRIS_CONSOLE_TOKEN. The weights last until `resume`, until the configuration of the ramp or
/// the weights change, or, without a fleet, until Envoy restarts. To change the file that Envoy watches, use
/// set-weights.
#[derive(Args)]
pub struct WeightsArgs {
    /// Blue's weight, such as 75.
    #[arg(allow_negative_numbers = true)]
    blue: String,
    /// Green's weight, such as 25.
    #[arg(allow_negative_numbers = true)]
    green: String,
    #[command(flatten)]
    command: StepCommandArgs,
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
        self.command.run(CommandKind::Weights(weights))
    }
}
