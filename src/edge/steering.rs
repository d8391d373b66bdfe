//! Steering by hand: whether it is possible, and what was ordered in this VM.

use super::host;
use super::root::Running;
use crate::ramp::Entry;
use crate::steer::{Order, Refusal};

/// The variable of the VM's environment that holds the token.
const TOKEN: &str = "VERDIGRIS_CONSOLE_TOKEN";

/// What who steers must show; `None` where nobody can. It is not in the configuration, which
/// `/config_dump` shows.
pub fn token() -> Option<String> {
    host::variable(TOKEN).filter(|token| !token.is_empty())
}

/// Whether anybody can steer.
pub fn is_possible() -> bool {
    token().is_some()
}

// === impl Running ===

impl Running {
    /// Does as ordered, or says why not. Other VMs know of it with their next tick.
    pub fn order(&self, order: &Order) -> Result<Entry, Refusal> {
        let chronicle = self.chronicle.as_ref();
        let entry = match (&self.walker, &self.config.ramp, &self.by_hand) {
            (Some(walker), Some(settings), _) => walker.order(settings, chronicle, order)?,
            (_, _, Some(by_hand)) => {
                let entry = by_hand.order(self.config.share, order)?;
                self.follow_weights();
                entry
            }
            _ => return Err(Refusal("this rollout cannot be steered")),
        };
        self.show();
        Ok(entry)
    }
}
