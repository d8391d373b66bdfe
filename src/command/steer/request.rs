//! A command, sent to each console.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use super::arguments::NamedStep;
use super::report::{Answer, CommandReport, CommandResult};
use crate::command::console_client::{ConsoleAddress, ConsoleClient, Posted, ask_all};
use crate::console::ROLLOUT_QUERY;
use crate::names::RolloutName;
use crate::rollout::CommandKind;

/// An operator command.
pub struct CommandToSend {
    pub kind: CommandKind,
    pub reason: String,
    pub rollout: Option<String>,
    pub step: Option<NamedStep>,
    pub token: String,
    /// How long to wait for a console's answer.
    pub timeout: Duration,
    /// What to do where the console takes no commands, as a sentence; may be empty.
    pub without_token: &'static str,
}

/// The body of the request.
#[derive(Serialize)]
struct Body<'a> {
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shadow: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weights: Option<Value>,
}

// === impl CommandToSend ===

impl CommandToSend {
    /// Sends the command to all consoles at the same time.
    pub fn send(&self, consoles: &[ConsoleAddress]) -> CommandReport {
        let answers = ask_all(consoles, |client| self.send_to(client));
        let answer = |(console, (result, message)): (&ConsoleAddress, _)| Answer {
            console: console.page().to_owned(),
            result,
            message,
        };
        CommandReport {
            command: self.kind.as_str(),
            reason: self.reason.clone(),
            consoles: consoles.iter().zip(answers).map(answer).collect(),
        }
    }

    fn send_to(&self, console: &ConsoleClient) -> (CommandResult, String) {
        let query = self.rollout.as_ref().map(|it| format!("?rollout={it}")).unwrap_or_default();
        let path = format!("{}{query}", self.kind.as_str());
        match console.post(&path, &self.token, &self.body(), self.timeout) {
            Ok(Posted { status: 200, text }) if is_decision(&text) => (CommandResult::Done, text),
            Ok(Posted { status: 202, text }) if is_decision(&text) => (CommandResult::Sent, text),
            Ok(Posted { status: 200, text }) => (
                CommandResult::Unreachable,
                format!("responds with something other than a console's decision: {text}"),
            ),
            Ok(Posted { status: 401, text }) => (
                CommandResult::Rejected,
                format!("{text} Set VERDIGRIS_CONSOLE_TOKEN to the token in Envoy's environment."),
            ),
            // The query is the command's own: its user names the rollout by an option.
            Ok(Posted { status: 404, text }) if text.contains(ROLLOUT_QUERY) => {
                (CommandResult::Rejected, text.replace(ROLLOUT_QUERY, "with --rollout NAME"))
            }
            Ok(Posted { status: 404, text }) if self.rollout.is_none() => {
                (CommandResult::Rejected, format!("{text}{}", self.without_token))
            }
            Ok(Posted { status: 400..=499, text }) => (CommandResult::Rejected, text),
            Ok(Posted { status, text }) => {
                (CommandResult::Unreachable, format!("responds with {status}: {text}"))
            }
            Err(why) => (CommandResult::Unreachable, why),
        }
    }

    fn body(&self) -> String {
        let weights = match self.kind {
            CommandKind::Weights(share) => {
                let (blue, green): (u32, u32) = share.into();
                Some(json!({"blue": blue, "green": green}))
            }
            _ => None,
        };
        let (step, shadow) = match self.step {
            Some(NamedStep::Numbered(step)) => (Some(step), Some(false)),
            Some(NamedStep::Shadow) => (None, Some(true)),
            None => (None, None),
        };
        let body = Body { reason: &self.reason, step, shadow, weights };
        json!(body).to_string()
    }
}

/// Whether a text is a console's decision, which begins with the rollout's name. Any server may be
/// at the address.
fn is_decision(text: &str) -> bool {
    text.split_once(": ").is_some_and(|(name, _)| RolloutName::new(name).is_some())
}
