//! `verdigris promote`: moves all users to green.

use std::io::{BufRead as _, IsTerminal as _, stderr, stdin};

use clap::Args;

use super::report::CommandReport;
use super::step_command::StepCommandArgs;
use crate::command::output::{CliError, pluralized};
use crate::rollout::CommandKind;

/// Promotes green: all users go to green at once, even if a gate has not passed.
///
/// The command asks each console, with the token from the environment variable
/// VERDIGRIS_CONSOLE_TOKEN. On a terminal it asks for confirmation first, unless --yes is given.
/// Tripwires stay active. The promotion lasts until the configuration of the ramp or the weights
/// change, or, without a fleet, until Envoy restarts.
#[derive(Args)]
pub struct PromoteArgs {
    #[command(flatten)]
    command: StepCommandArgs,
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
        let consoles = &self.command.consoles;
        let command = self.command.command(CommandKind::Promote)?;
        if !self.yes && stdin().is_terminal() && stderr().is_terminal() {
            confirm(command.rollout.as_deref(), consoles.len())?;
        }
        Ok(command.send(consoles))
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
