//! The options that the subcommands share, and the token.

use std::time::Duration;

use clap::Args;

use crate::command::console_token::console_token;
use crate::command::numbers::index;
use crate::command::output::CliError;
use crate::config::time::parse_duration;
use crate::console::TOKEN_VARIABLE;
use crate::names::RolloutName;

/// The rollout and the reason of an operator command.
#[derive(Args)]
pub struct CommandArgs {
    /// The reason, which the decision log and the page show; at most 200 characters. By default it
    /// names the user that runs this command.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
    /// The rollout, if the console has several.
    #[arg(long, value_name = "NAME", value_parser = rollout)]
    pub rollout: Option<String>,
    /// How long to wait for a console's answer. The default is the request timeout of the shipped
    /// console's listener.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = timeout)]
    pub timeout: Duration,
}

/// The step that an operator command is for.
#[derive(Args)]
pub struct StepArgs {
    /// Rejects the command unless the ramp is in this step: a number counted from 0, as `verdigris
    /// status --json` has it, or `shadow` for the shadow step. In the text of `status`, the first step is
    /// step 1.
    #[arg(long, value_name = "N", value_parser = step, allow_negative_numbers = true)]
    pub step: Option<NamedStep>,
}

/// A step of a ramp, as an operator names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedStep {
    /// A step with a share, by its index.
    Numbered(u64),
    /// The shadow step. `/state.json` has the index of the first step for it too.
    Shadow,
}

fn step(text: &str) -> Result<NamedStep, String> {
    match text {
        "shadow" => Ok(NamedStep::Shadow),
        number => {
            index()(number).map(NamedStep::Numbered).map_err(|fix| format!("{fix}, or shadow"))
        }
    }
}

fn reason(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("write why, such as \"green is slow\"".to_owned()),
        text => Ok(text.to_owned()),
    }
}

fn rollout(name: &str) -> Result<String, String> {
    RolloutName::new(name).map(|_| name.to_owned()).ok_or_else(|| RolloutName::RULE.to_owned())
}

fn timeout(text: &str) -> Result<Duration, String> {
    let time = parse_duration(text).filter(|it| !it.is_zero());
    time.ok_or_else(|| "write a time, such as 30s or 1m".to_owned())
}

// === impl CommandArgs ===

impl CommandArgs {
    /// The reason, or the default one.
    pub fn reason(&self) -> String {
        if let Some(reason) = &self.reason {
            return reason.clone();
        }
        let user = ["USER", "LOGNAME"].into_iter().find_map(|it| std::env::var(it).ok());
        let user = user.filter(|it| !it.trim().is_empty());
        match user {
            Some(user) => format!("sent by {} with the verdigris command", user.trim()),
            None => "sent with the verdigris command".to_owned(),
        }
    }
}

/// Reads the token from the environment. `without` says what to do without one.
///
/// # Errors
/// There is no token, or no header can carry it.
pub fn token(without: &str) -> Result<String, CliError> {
    console_token().map_err(CliError::Usage)?.ok_or_else(|| {
        CliError::Usage(format!(
            "{TOKEN_VARIABLE} is not set: set it to the token in Envoy's environment, in this shell's \
             environment; it is never an argument, which other users could see{without}"
        ))
    })
}
