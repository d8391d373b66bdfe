//! `verdigris restart`: starts a ramp again, by the file that Envoy watches; and rolling a ramp
//! back by the file.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use serde_json::{Value, json};

use super::edit::{ChangedField, EditableFile, FieldEdit, FileChange};
use super::output::CliError;
use crate::console::time_format::Rfc3339;

/// Starts the ramp of a file again, from its first step.
///
/// The command writes another text into ramp.restart, and false into ramp.rolled_back if the file
/// has it. Nothing else in the file changes. A restart is a change of the configuration: there is
/// no request to the console for it, and no token is needed. The file is replaced by a rename
/// within its folder, so that Envoy never reads an incomplete file.
#[derive(Args)]
pub struct RestartArgs {
    /// A plugin configuration with a ramp, or an Envoy configuration with one in it.
    file: PathBuf,
    /// The new text of ramp.restart. By default the next number, if the current text is a number,
    /// 2 if there is no text, and otherwise the current time.
    #[arg(long, value_name = "TEXT")]
    to: Option<String>,
    /// Shows what would be done, without doing it.
    #[arg(long)]
    dry_run: bool,
}

// === impl RestartArgs ===

impl RestartArgs {
    /// Changes the file.
    ///
    /// # Errors
    /// The file is a link, has no valid configuration with a ramp, has the text already, or cannot
    /// be replaced.
    pub fn run(self) -> Result<FileChange, CliError> {
        if self.file.to_string_lossy().starts_with("http") && !self.file.exists() {
            return Err(CliError::Usage(format!(
                "{}: restart changes the file that Envoy watches, since a console has no such command: \
                 give the file, such as filter.yaml",
                self.file.display()
            )));
        }
        let file = EditableFile::open(self.file)?;
        let Some(ramp) = &file.config().ramp else {
            return Err(CliError::Invalid(format!(
                "{}: this rollout has no ramp to start again; to change its weights, use set-weights",
                file.name()
            )));
        };
        let (before, is_rolled_back) = (ramp.restart.clone(), ramp.is_rolled_back);
        let after = self.to.unwrap_or_else(|| next_restart(&before));
        if after == before {
            return Err(CliError::Usage(format!(
                "--to {after:?}: ramp.restart has this text already, so the ramp would not start again; \
                 write another text"
            )));
        }
        let reported = ChangedField {
            field: "ramp.restart",
            before: before.into(),
            after: after.clone().into(),
        };
        let mut edits = vec![FieldEdit { path: &["ramp", "restart"], value: after.into() }];
        if is_rolled_back {
            edits.push(FieldEdit { path: &["ramp", "rolled_back"], value: false.into() });
        }
        file.change(reported, &edits, self.dry_run)
    }
}

/// The text that follows a text of `ramp.restart`.
fn next_restart(current: &str) -> String {
    match current.parse::<u32>() {
        Ok(number) => (u64::from(number) + 1).to_string(),
        Err(_) if current.is_empty() => "2".to_owned(),
        Err(_) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            Rfc3339(u64::try_from(now.as_millis()).unwrap_or_default()).to_string()
        }
    }
}

/// Rolls the ramp of a file back: sets `ramp.rolled_back`.
///
/// # Errors
/// The field cannot be edited, or the file cannot be replaced.
pub fn roll_back_ramp(file: EditableFile, is_dry_run: bool) -> Result<FileChange, CliError> {
    let path = &["ramp", "rolled_back"];
    let before = file.value(path).unwrap_or(json!(false));
    let next = format!("To start the ramp again: verdigris restart {}", file.name());
    let reported = ChangedField { field: "ramp.rolled_back", before, after: Value::Bool(true) };
    let edits = [FieldEdit { path, value: Value::Bool(true) }];
    let change = file.change(reported, &edits, is_dry_run)?;
    let next = match change.is_in_file_already() {
        true => format!(
            "This does not ask Envoy, which may not have applied the file. \
             ./weights 100 0 asks Envoy; verdigris rollback URL rolls back, too.\n{next}"
        ),
        false => next,
    };
    Ok(FileChange { next: Some(next), ..change })
}
