//! `verdigris rollback`: moves all users to blue.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::arguments::{CommandArgs, token};
use super::report::CommandReport;
use super::request::CommandToSend;
use crate::command::console_client::ConsoleAddress;
use crate::command::edit::{EditableFile, FileChange};
use crate::command::output::{CliError, GOOD, Report, ReportOutcome, styled};
use crate::command::restart::roll_back_ramp;
use crate::command::set_weights::set_weights;
use crate::rollout::CommandKind;

/// Rolls the rollout back: all users go to blue at once, pinned and forced ones too.
///
/// There are two ways. With URLs, the command asks each console, with the token from the environment
/// variable VERDIGRIS_CONSOLE_TOKEN. With --file, it needs no token: it sets ramp.rolled_back in the
/// file that Envoy watches, or the weights 100 and 0 if the rollout has no ramp (then pinned and
/// forced users keep their version). The command asks no question.
///
/// A rollback by a console lasts until ramp.restart or the weights change in the configuration, or,
/// without a fleet, until Envoy restarts. A rollback in the file survives a restart of Envoy. `verdigris restart FILE`
/// starts a ramp again.
#[derive(Args)]
#[command(
    override_usage = "verdigris rollback [OPTIONS] <URL>...\n       verdigris rollback --file <FILE>"
)]
pub struct RollbackArgs {
    /// The consoles' addresses, such as http://127.0.0.1:9902.
    #[arg(value_name = "URL", value_parser = ConsoleAddress::parse, required_unless_present = "file")]
    consoles: Vec<ConsoleAddress>,
    /// The file that Envoy watches, instead of a console.
    #[arg(long, conflicts_with_all = ["consoles", "reason", "rollout", "timeout"])]
    file: Option<PathBuf>,
    #[command(flatten)]
    command: CommandArgs,
}

/// The result of a rollback.
#[derive(Serialize)]
#[serde(untagged)]
pub enum RollbackReport {
    Commands(CommandReport),
    File(FileChange),
    /// The file has neither weights nor a ramp.
    NothingToDo(FileChange),
}

/// What to do without a token.
const WITHOUT_TOKEN: &str = " Without a token, roll back by the file that Envoy watches: verdigris rollback --file filter.yaml";

// === impl RollbackArgs ===

impl RollbackArgs {
    /// Rolls back.
    ///
    /// # Errors
    /// There is no token, or the file cannot be changed.
    pub fn run(self) -> Result<RollbackReport, CliError> {
        if let Some(file) = self.file {
            let file = EditableFile::open(file)?;
            return match file.config().ramp {
                Some(_) => roll_back_ramp(file, false).map(RollbackReport::File),
                None if file.value(&["weights"]).is_none() => {
                    Ok(RollbackReport::NothingToDo(unchanged(&file)))
                }
                None => set_weights(file, (100, 0), false).map(RollbackReport::File),
            };
        }
        let command = CommandToSend {
            kind: CommandKind::Rollback,
            reason: self.command.reason(),
            rollout: self.command.rollout,
            step: None,
            token: token(&format!(".{WITHOUT_TOKEN}"))?,
            timeout: self.command.timeout,
            without_token: WITHOUT_TOKEN,
        };
        Ok(RollbackReport::Commands(command.send(&self.consoles)))
    }
}

/// The report of a file in which nothing has to change.
fn unchanged(file: &EditableFile) -> FileChange {
    let weights = json!({"blue": 100, "green": 0});
    FileChange {
        file: file.name().to_owned(),
        field: "weights",
        before: weights.clone(),
        after: weights,
        written: false,
        reload: Vec::new(),
        next: None,
    }
}

// === impl RollbackReport ===

impl Report for RollbackReport {
    fn text(&self) -> String {
        match self {
            Self::Commands(report) => report.text(),
            Self::File(report) => report.text(),
            Self::NothingToDo(report) => format!(
                "{} {} has neither weights nor ramp: all users are on blue already\n",
                styled(GOOD, "fine:"),
                report.file
            ),
        }
    }

    fn outcome(&self) -> ReportOutcome {
        match self {
            Self::Commands(report) => report.outcome(),
            Self::File(report) | Self::NothingToDo(report) => report.outcome(),
        }
    }
}
