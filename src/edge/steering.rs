//! Steering by hand: whether it is possible, and what was ordered in this VM.

use super::host;
use super::root::Running;
use crate::config::CommandRequest;
use crate::rollout::CommandError;
use crate::rollout::Transition;

/// The variable of the VM's environment that holds the token.
const TOKEN: &str = "VERDIGRIS_CONSOLE_TOKEN";

/// What who steers must show; `None` where nobody can. It is not in the configuration, which
/// `/config_dump` shows.
///
/// # Errors
/// One that no header could carry, in words.
pub fn token() -> Result<Option<String>, &'static str> {
    let Some(token) = host::variable(TOKEN) else { return Ok(None) };
    // A secret that was made by `echo` ends with a newline.
    let token = token.trim_ascii();
    if !token.bytes().all(|it| it.is_ascii_graphic()) {
        return Err("VERDIGRIS_CONSOLE_TOKEN has other than visible ASCII in it: nobody can steer");
    }
    Ok(Some(token.to_owned()).filter(|token| !token.is_empty()))
}

/// Whether anybody can steer.
pub fn is_possible() -> bool {
    token().is_ok_and(|token| token.is_some())
}

// === impl Running ===

impl Running {
    /// Whether no other configuration of the rollout has come after this one.
    pub fn is_newest(&self) -> bool {
        let newest = match (&self.walker, &self.by_hand) {
            (Some(walker), _) => walker.newest(),
            (None, Some(by_hand)) => by_hand.newest(),
            (None, None) => return false,
        };
        newest.has_noted(self.generation())
    }

    /// Does as ordered, or says why not. Other VMs know of it with their next tick.
    pub fn order(&self, ordered: &CommandRequest) -> Result<Transition, CommandError> {
        let chronicle = self.chronicle.as_ref();
        let entry = match (&self.walker, &self.config.ramp, &self.by_hand) {
            (Some(walker), Some(settings), _) => walker.order(settings, chronicle, ordered)?,
            (_, _, Some(by_hand)) => {
                let entry = by_hand.order(self.config.share, &ordered.command)?;
                self.follow_weights();
                entry
            }
            _ => return Err(CommandError::NotControllable),
        };
        self.show();
        Ok(entry)
    }
}
