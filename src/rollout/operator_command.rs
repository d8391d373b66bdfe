//! An order, and why one is refused.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::assignment::Share;

/// What an operator orders, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorCommand {
    /// What.
    pub kind: CommandKind,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    reason: String,
}

/// What can be ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommandKind {
    /// The ramp stays where it is.
    Pause,
    /// What was ordered ends.
    Resume,
    /// Blue has everything.
    Rollback,
    /// Green has everything.
    Promote,
    /// The ramp may go into the step that waits for a person.
    Approve,
    /// Green has this share.
    Weights(Share),
}

/// Why an order is not obeyed, in words for who gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandError(pub &'static str);

// === impl Order ===

impl OperatorCommand {
    /// How many characters of a reason are kept.
    pub const MAX_REASON_CHARS: usize = 200;

    /// An order with its reason: one line, without what would not show in a log, and no
    /// longer than [`Self::MAX_REASON_CHARS`]. Refused where nothing is left of the reason.
    ///
    /// ```
    /// use verdigris::rollout::{OperatorCommand, CommandKind};
    ///
    /// let order = OperatorCommand::new(CommandKind::Pause, " green is\nslow ", 0)?;
    /// assert_eq!(order.to_string(), "by hand: pause: green is slow");
    /// assert!(OperatorCommand::new(CommandKind::Pause, "\t", 0).is_err());
    /// # Ok::<(), verdigris::rollout::CommandError>(())
    /// ```
    pub fn new(verb: CommandKind, reason: &str, at_ms: u64) -> Result<Self, CommandError> {
        let shown = |it: char| if it.is_control() { ' ' } else { it };
        let reason: String =
            reason.trim().chars().take(Self::MAX_REASON_CHARS).map(shown).collect();
        if reason.trim().is_empty() {
            return Err(CommandError("it has no reason: say why, others will read it in the log"));
        }
        Ok(Self { kind: verb, at_ms, reason })
    }

    /// Why, in the words of who gave it.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for OperatorCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "by hand: {}: {}", self.kind.as_str(), self.reason)
    }
}

// === impl Verb ===

impl CommandKind {
    /// All of them; which share is ordered, an order says.
    pub const ALL: [Self; 6] = [
        Self::Pause,
        Self::Resume,
        Self::Rollback,
        Self::Promote,
        Self::Approve,
        Self::Weights(Share::ZERO),
    ];

    /// Its name.
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

// === impl Refusal ===

impl CommandError {
    /// The settings at hand are not those that all others have.
    pub const CONFIG_CHANGING: Self =
        Self("the configuration changes at this moment: order it again in a second");

    /// It was meant for a step that the ramp is not in.
    pub const STEP_CHANGED: Self =
        Self("the ramp is in another step than the one that this is for: look again");

    /// What VMs share could not be read or written.
    pub const STORE_UNAVAILABLE: Self =
        Self("the rollout could not be reached at this moment: order it again in a second");
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
