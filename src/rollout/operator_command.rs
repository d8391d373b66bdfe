//! Operator commands.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::command_error::CommandError;
use super::hidden_character::{hidden_character, is_visible};
use crate::assignment::Share;

/// A command of an operator, with a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorCommand {
    /// The kind of command.
    pub kind: CommandKind,
    /// When it was given, in milliseconds since 1970.
    pub at_ms: u64,
    reason: String,
}

/// The kinds of commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommandKind {
    /// The ramp stays in its step.
    Pause,
    /// The command in effect ends.
    Resume,
    /// Blue gets all traffic.
    Rollback,
    /// Green gets all traffic.
    Promote,
    /// The ramp may enter the step that waits for approval.
    Approve,
    /// Green gets this share.
    Weights(Share),
}

// === impl OperatorCommand ===

impl OperatorCommand {
    /// How many characters of a reason are kept.
    pub const MAX_REASON_CHARS: usize = 200;

    /// A command with a reason. The reason is trimmed, put on one line and shortened to
    /// [`Self::MAX_REASON_CHARS`].
    ///
    /// # Errors
    /// [`CommandError::NoReason`] where nothing is left of the reason, and
    /// [`CommandError::HiddenCharacter`] where it has one ([`hidden_character`]).
    ///
    /// ```
    /// use verdigris::rollout::{CommandKind, OperatorCommand};
    ///
    /// let command = OperatorCommand::new(CommandKind::Pause, " green is\nslow ", 0)?;
    /// assert_eq!(command.to_string(), "operator command: pause: green is slow");
    /// assert!(OperatorCommand::new(CommandKind::Pause, "\t", 0).is_err());
    /// # Ok::<(), verdigris::rollout::CommandError>(())
    /// ```
    pub fn new(kind: CommandKind, reason: &str, at_ms: u64) -> Result<Self, CommandError> {
        if hidden_character(reason).is_some() {
            return Err(CommandError::HiddenCharacter);
        }
        let is_break = |it: char| it.is_control() || matches!(it, '\u{2028}' | '\u{2029}');
        let printable = |it: char| if is_break(it) { ' ' } else { it };
        let mut reason: String =
            reason.trim().chars().take(Self::MAX_REASON_CHARS).map(printable).collect();
        // What is cut off a keycap leaves a selector without one.
        while hidden_character(&reason).is_some() {
            reason.pop();
        }
        if !is_visible(&reason) {
            return Err(CommandError::NoReason);
        }
        Ok(Self { kind, at_ms, reason })
    }

    /// The operator's reason.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for OperatorCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "operator command: {}: {}", self.kind.as_str(), self.reason)
    }
}

// === impl CommandKind ===

impl CommandKind {
    /// All kinds, for their names. The share of [`Self::Weights`] has no meaning here.
    pub const ALL: [Self; 6] = [
        Self::Pause,
        Self::Resume,
        Self::Rollback,
        Self::Promote,
        Self::Approve,
        Self::Weights(Share::ZERO),
    ];

    /// The command's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Rollback => "rollback",
            Self::Promote => "promote",
            Self::Approve => "approve",
            Self::Weights(_) => "weights",
        }
    }
}
