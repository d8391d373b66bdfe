//! `verdigris promote`: moves all users to green.

use std::io::{BufRead as _, IsTerminal as _, stderr, stdin};

use clap::Args;

use super::arguments::{CommandArgs, StepArgs, token};
use super::report::CommandReport;
use super::request::CommandToSend;
use crate::command::console_client::ConsoleAddress;
use crate::command::output::{CliError, pluralized};
use crate::rollout::CommandKind;

/// Promotes green: all users go to green at once, even if a gate has not passed.
///
/// The command asks each console, with the token from the environment variable
/// VERDIGRIS_CONSOLE_TOKEN. On a terminal it asks for confirmation first, unless --yes is given.
/// Tripwires stay active. The promotion lasts until the configuration of the ramp or the weights
/// change, or until Envoy restarts.
#[derive(Args)]
pub struct PromoteArgs {
    /// The consoles' addresses, such as http://127.0.0.1:9902.
    #[arg(value_name = "URL", value_parser = ConsoleAddress::parse, required = true)]
    consoles: Vec<ConsoleAddress>,
    #[command(flatten)]
    command: CommandArgs,
    #[command(flatten)]
    step: StepArgs,
    /// Does not ask for confirmation.
    #[arg(long)]
    yes: bool,
}

// === impl PromoteArgs ===

impl PromoteArgs {
    /// Promotes.
    ///
    /// # Errors
    /// There is no token, or the operator does not confirm.
    pub fn run(self) -> Result<CommandReport, CliError> {
        let command = CommandToSend {
            kind: CommandKind::Promote,
            reason: self.command.reason(),
            rollout: self.command.rollout,
            step: self.step.step,
            token: token("")?,
            without_token: "",
        };
        if !self.yes && stdin().is_terminal() && stderr().is_terminal() {
            confirm(command.rollout.as_deref(), self.consoles.len())?;
        }
        Ok(command.send(&self.consoles))
    }
}

/// Asks the operator to confirm the promotion.
///
/// # Errors
/// The answer is not yes.
fn confirm(rollout: Option<&str>, consoles: usize) -> Result<(), CliError> {
    let what = rollout.unwrap_or("the rollout");
    let consoles = pluralized(consoles, "console");
    anstream::eprint!(
        "Promote {what} ({consoles})? All users move to green, and gates no longer apply. [y/N] "
    );
    let mut answer = String::new();
    // Without an answer the command is not sent.
    let _ = stdin().lock().read_line(&mut answer);
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(CliError::Invalid("not confirmed: nothing was sent".to_owned())),
    }
}
