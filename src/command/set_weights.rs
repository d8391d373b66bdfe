//! `verdigris set-weights`: changes the weights in the file that Envoy watches.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::edit::{ChangedField, EditableFile, FieldEdit, FileChange};
use super::output::CliError;
use super::{restart, traffic};
use crate::assignment::Share;

/// Changes the weights in the file that Envoy watches, and nothing else in it.
///
/// `set-weights FILE 75 25` gives blue 75 and green 25, as `./weights 75 25` does. A single number
/// is green's share in percent: `set-weights FILE 25` does the same. If the rollout has a ramp,
/// `set-weights FILE 100 0` rolls it back, as `rollback --file FILE` does; any other weights are
/// an error.
///
/// The file is checked first. It is replaced by a rename within its folder, so that Envoy never
/// reads an incomplete file. The effects of the reload are shown. The command does not check
/// whether Envoy accepts the file; ./weights does.
#[derive(Args)]
pub struct SetWeightsArgs {
    /// A plugin configuration, or an Envoy configuration with one in it.
    file: PathBuf,
    /// The weights of blue and green, such as 75 25; or green's share in percent, such as 25 or
    /// 0.5; or both weights in one argument, such as 75/25.
    #[arg(value_name = "WEIGHTS", required = true, num_args = 1..=2, allow_negative_numbers = true)]
    weights: Vec<String>,
    /// Shows what would be done, without doing it.
    #[arg(long)]
    dry_run: bool,
}

// === impl SetWeightsArgs ===

impl SetWeightsArgs {
    /// Changes the weights, or rolls a ramp back.
    ///
    /// # Errors
    /// The weights are invalid, the file is a link, has a ramp that these weights do not roll back,
    /// has no valid configuration with weights, or cannot be replaced.
    pub fn run(self) -> Result<FileChange, CliError> {
        let weights = parse_weights(&self.weights).map_err(CliError::Usage)?;
        let (blue, green) = weights.into();
        let file = EditableFile::open(self.file)?;
        if file.config().ramp.is_none() {
            return set_weights(file, (blue, green), self.dry_run);
        }
        if green != 0 {
            let fix = format!(
                "{}: ramp: this rollout has a ramp, which sets the weights itself; to move all users \
                 to blue, use the weights 100 0; to pause, promote or set weights now, use the \
                 subcommands pause, promote and weights, or the page",
                file.name()
            );
            return Err(CliError::Invalid(fix));
        }
        restart::roll_back_ramp(file, self.dry_run)
    }
}

/// Changes the weights of blue and green of a rollout without a ramp.
///
/// # Errors
/// The file has no weights, they cannot be edited, or it cannot be replaced.
pub fn set_weights(
    file: EditableFile,
    (new_blue, new_green): (u32, u32),
    is_dry_run: bool,
) -> Result<FileChange, CliError> {
    let has_weight = |version| file.value(&["weights", version]).is_some();
    if !has_weight("blue") || !has_weight("green") {
        let fix = match file.is_yaml() {
            true => "weights: {blue: 100, green: 0}",
            false => "\"weights\": {\"blue\": 100, \"green\": 0}",
        };
        let name = file.name();
        return Err(CliError::Invalid(format!("{name}: weights: missing: add {fix} first")));
    }
    let (blue, green): (u32, u32) = file.config().share.into();
    let reported = ChangedField {
        field: "weights",
        before: json!({"blue": blue, "green": green}),
        after: json!({"blue": new_blue, "green": new_green}),
    };
    let edits = [
        FieldEdit { path: &["weights", "blue"], value: new_blue.into() },
        FieldEdit { path: &["weights", "green"], value: new_green.into() },
    ];
    let change = file.change(reported, &edits, is_dry_run)?;
    let next = change.is_in_file_already().then(|| {
        format!(
            "This does not ask Envoy, where an operator command may be in force instead. \
             ./weights {new_blue} {new_green} asks Envoy and ends the command; verdigris rollback URL \
             moves all users to blue."
        )
    });
    Ok(FileChange { next, ..change })
}

/// Parses green's share in percent, or the weights of blue and green in one or two arguments.
///
/// # Errors
/// They are no weights. The error has the fix.
fn parse_weights(arguments: &[String]) -> Result<Share, String> {
    match arguments {
        [one] => match one.split_once('/') {
            Some((blue, green)) => parse_two_weights(blue, green),
            None => traffic::percentage(one).map_err(|fix| format!("{one}: {fix}")),
        },
        [blue, green] => parse_two_weights(blue, green),
        _ => Err(WEIGHTS_FIX.to_owned()),
    }
}

const WEIGHTS_FIX: &str = "write the weights of blue and green as two whole numbers, at least one of \
                           them positive and their sum at most 2147483647, such as 75 25";

/// Parses the weights of blue and green.
///
/// # Errors
/// They are no weights. The error has the fix.
pub fn parse_two_weights(blue: &str, green: &str) -> Result<Share, String> {
    let whole = |text: &str| {
        let is_whole = !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
        text.parse::<u64>().ok().filter(|_| is_whole)
    };
    whole(blue)
        .zip(whole(green))
        .and_then(|(blue, green)| Share::new(blue, green))
        .ok_or_else(|| format!("{blue} {green}: {WEIGHTS_FIX}"))
}
