//! What who steers writes, and what is ordered by it.

use super::checks::share;
use super::diagnostics::Diagnostics;
use super::invalid_config::WHOLE;
use super::raw::common::RawWeights;
use super::raw::json_text::json_of;
use super::raw::reader::read_object;
use super::{FieldError, InvalidConfig};
use crate::rollout::{CommandKind, OperatorCommand};

/// An order, and the step that it is for where who gives it says so: what was meant for one
/// step is not to be done in the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandRequest {
    /// The order.
    pub command: OperatorCommand,
    /// The step, counted from 0.
    pub step: Option<u64>,
}

/// Reads an order of this name, such as `pause`, from the JSON text of its body: a `reason`,
/// `weights` where these are ordered, and a `step` if it is for that one only.
///
/// # Errors
/// Everything that is wrong with it; a name that is no order's.
///
/// ```
/// use verdigris::config::parse_command;
/// let text = br#"{"reason": "more of it", "weights": {"blue": 75, "green": 25}}"#;
/// assert_eq!(parse_command("weights", text, 0)?.command.to_string(), "by hand: weights: more of it");
/// # Ok::<(), verdigris::config::InvalidConfig>(())
/// ```
pub fn parse_command(name: &str, text: &[u8], at_ms: u64) -> Result<CommandRequest, InvalidConfig> {
    let json = json_of(text).map_err(in_the_body)?;
    let mut problems = Diagnostics::default();
    let read = read_object(&json, |mut fields| {
        let reason = fields.text("reason");
        let step = fields.unsigned("step");
        let verb = match CommandKind::ALL.into_iter().find(|verb| verb.as_str() == name)? {
            CommandKind::Weights(_) => {
                let weights = fields.object("weights").map(RawWeights::read);
                if weights.is_none() {
                    let mend = r#"write what green is to have, such as {"blue": 75, "green": 25}"#;
                    problems.push(FieldError::missing("weights", mend));
                }
                CommandKind::Weights(share(weights, &mut problems)?)
            }
            verb => verb,
        };
        fields.finish();
        let order = OperatorCommand::new(verb, &reason.unwrap_or_default(), at_ms);
        if order.is_err() {
            let mend = "write why, in a line: others will read it in the log";
            problems.push(FieldError::missing("reason", mend));
        }
        Some(CommandRequest { command: order.ok()?, step })
    });
    problems.into_result(read.map_err(in_the_body)?)
}

/// What is wrong with the text as a whole is said of the body.
fn in_the_body(mut refused: InvalidConfig) -> InvalidConfig {
    for problem in &mut refused.errors {
        if problem.field == WHOLE {
            *problem = FieldError {
                field: "the body".into(),
                fix: r#"write one JSON object, such as {"reason": "green is slow"}"#.into(),
                ..problem.clone()
            };
        }
    }
    refused
}
