//! Parses the operator's commands, as the console receives them.

use serde_json::Value;

use super::checks::check_weights;
use super::diagnostics::Diagnostics;
use super::invalid_config::WHOLE_CONFIG;
use super::raw::common::RawWeights;
use super::raw::json_text::parse_json;
use super::raw::reader::{ObjectReader, read_object};
use super::{FieldError, InvalidConfig};
use crate::analysis::StepIndex;
use crate::assignment::Share;
use crate::rollout::{CommandError, CommandKind, ExpectedStep, OperatorCommand, hidden_character};

/// An operator's command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandRequest {
    /// The command.
    pub command: OperatorCommand,
    /// The index of the step that the command is meant for, if the operator named one. The
    /// command is invalid in any other step.
    pub step: Option<u64>,
    /// Whether that step is the shadow step, which has the index of the first step, if the operator
    /// said so.
    pub shadow: Option<bool>,
}

// === impl CommandRequest ===

impl CommandRequest {
    /// The step that the command is meant for, as far as the operator named it.
    ///
    /// # Errors
    /// [`CommandError::StepChanged`] where no ramp has that step.
    pub fn expected_step(&self) -> Result<ExpectedStep, CommandError> {
        let step = self.step.map(usize::try_from).transpose();
        let step = step.map_err(|_| CommandError::StepChanged)?.map(StepIndex::new);
        Ok(ExpectedStep { step, is_shadow_step: self.shadow })
    }
}

/// Parses the command called `name`, such as `pause`, from the JSON text of its request body.
/// The body has a `reason`, `weights` if the command is `weights`, and optionally a `step` and
/// `shadow`.
/// `at_ms` is the time of the command, in milliseconds since the Unix epoch.
///
/// # Errors
/// All errors of the body. An unknown name is an error without details.
///
/// ```
/// use verdigris::config::parse_command;
/// let text = br#"{"reason": "more of it", "weights": {"blue": 75, "green": 25}}"#;
/// assert_eq!(parse_command("weights", text, 0)?.command.to_string(), "operator command: weights: more of it");
/// # Ok::<(), verdigris::config::InvalidConfig>(())
/// ```
pub fn parse_command(name: &str, text: &[u8], at_ms: u64) -> Result<CommandRequest, InvalidConfig> {
    let json = parse_json(text).map_err(rename_whole_field)?;
    let mut diagnostics = Diagnostics::default();
    let request = read_object(&json, |fields| read_command(name, fields, at_ms, &mut diagnostics));
    diagnostics.into_result(request.map_err(rename_whole_field)?)
}

fn read_command(
    name: &str,
    mut fields: ObjectReader<'_>,
    at_ms: u64,
    diagnostics: &mut Diagnostics,
) -> Option<CommandRequest> {
    let reason = fields.text("reason");
    let (step, shadow) = (fields.unsigned("step"), fields.boolean("shadow"));
    let kind = match CommandKind::ALL.into_iter().find(|kind| kind.as_str() == name)? {
        CommandKind::Weights(_) => {
            let share = match fields.object("weights").map(RawWeights::read) {
                Some(weights) => check_weights("weights", weights, diagnostics)?,
                None => {
                    let fix = r#"write the weights, such as {"blue": 75, "green": 25}"#;
                    diagnostics.push(FieldError::missing("weights", fix));
                    Share::ZERO
                }
            };
            CommandKind::Weights(share)
        }
        kind => kind,
    };
    fields.finish();
    let reason = reason.unwrap_or_default();
    let command = OperatorCommand::new(kind, &reason, at_ms);
    if command.is_err() {
        let fix = "write the reason in one line; the log shows it";
        diagnostics.push(match hidden_character(&reason) {
            None => FieldError::missing("reason", fix),
            Some(character) => {
                let code_point = format!("U+{:04X}", u32::from(character));
                let fix = "remove this character, which readers of the log would not see";
                FieldError::new("reason", &Value::from(code_point), fix)
            }
        });
    }
    Some(CommandRequest { command: command.ok()?, step, shadow })
}

/// Errors that concern the whole text name the request body, not a configuration.
fn rename_whole_field(mut invalid: InvalidConfig) -> InvalidConfig {
    for error in &mut invalid.errors {
        if error.field == WHOLE_CONFIG {
            error.field = "the body".into();
            error.fix = r#"write one JSON object, such as {"reason": "green is slow"}"#.into();
        }
    }
    invalid
}
