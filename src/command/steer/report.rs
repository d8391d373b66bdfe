//! The answer of each console.

use serde::Serialize;

use crate::command::output::{BAD, GOOD, Report, ReportOutcome, styled};

/// The answers of all consoles to a command.
#[derive(Serialize)]
pub struct CommandReport {
    pub command: &'static str,
    pub reason: String,
    pub consoles: Vec<Answer>,
}

/// The answer of a console.
#[derive(Serialize)]
pub struct Answer {
    /// The console's address.
    pub console: String,
    pub result: CommandResult,
    /// The decision, or why there is none.
    pub message: String,
}

/// The result of a command at a console.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandResult {
    /// The command is in force.
    Done,
    /// The command was sent to the store of a fleet. The console at a path of the release's listener cannot
    /// wait for the store's answer.
    Sent,
    /// The console rejected the command.
    Rejected,
    /// The console did not answer, although the command may still take effect, or another server is at
    /// the address.
    Unreachable,
}

// === impl CommandReport ===

impl Report for CommandReport {
    fn text(&self) -> String {
        let line = |Answer { console, result, message }: &Answer| {
            let result = match result {
                CommandResult::Done => styled(GOOD, "done:"),
                CommandResult::Sent => styled(GOOD, "sent:"),
                CommandResult::Rejected => styled(BAD, "rejected:"),
                CommandResult::Unreachable => styled(BAD, "unreachable:"),
            };
            format!("{result} {console} {message}\n")
        };
        self.consoles.iter().map(line).collect()
    }

    fn outcome(&self) -> ReportOutcome {
        let has = |result| self.consoles.iter().any(|it| it.result == result);
        if has(CommandResult::Unreachable) {
            ReportOutcome::Unreachable
        } else if has(CommandResult::Rejected) {
            ReportOutcome::Findings
        } else {
            ReportOutcome::Ok
        }
    }
}
