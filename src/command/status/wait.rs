//! Waiting for a phase.

use std::time::{Duration, Instant};

use super::status_of_console::StatusOfConsole;
use crate::command::output::{BAD, GOOD, styled};
use crate::console::time_format::HumanDuration;
use crate::console::view::RolloutView;

/// The phases of a rollout, as in `/state.json`.
pub(super) const PHASES: [&str; 6] =
    ["ramping", "holding", "paused", "promoted", "rolled_back", "by_hand"];

/// The phase of a ramp that only a change of the configuration ends. With weights, an operator command
/// ends it.
const FINAL_PHASE: &str = "rolled_back";

/// The time between two reads.
const INTERVAL: Duration = Duration::from_millis(500);

/// A wait for a phase.
pub(super) struct Wait {
    pub phase: String,
    /// The only rollout to wait for.
    pub rollout: Option<String>,
    pub timeout: Duration,
}

/// How a wait ended, as text.
pub(super) enum WaitResult {
    /// All rollouts are in the phase.
    Reached(String),
    /// A rollout is not in the phase.
    Missed(String),
}

/// Whether the rollouts are in the phase.
enum Progress {
    Reached,
    /// What is missing.
    Missing(String),
    /// What makes the phase impossible.
    Impossible(String),
}

// === impl WaitResult ===

impl WaitResult {
    /// The result as a line.
    pub fn text(&self) -> String {
        match self {
            Self::Reached(text) => format!("{} {text}\n", styled(GOOD, "reached:")),
            Self::Missed(text) => format!("{} {text}\n", styled(BAD, "not reached:")),
        }
    }
}

// === impl Wait ===

impl Wait {
    /// Reads the states until the wait ends. Returns the last states.
    pub fn until_ended(
        &self,
        read: impl Fn() -> Vec<StatusOfConsole>,
    ) -> (Vec<StatusOfConsole>, WaitResult) {
        let start = Instant::now();
        loop {
            let began = Instant::now();
            let all = read();
            let result = match self.progress(&all) {
                Progress::Reached => Some(WaitResult::Reached(format!("phase {}", self.phase))),
                Progress::Impossible(why) => Some(WaitResult::Missed(why)),
                Progress::Missing(why) if start.elapsed() >= self.timeout => {
                    let timeout = HumanDuration(self.timeout.as_secs());
                    Some(WaitResult::Missed(
                        format!("{why} after {timeout}").replace('\u{a0}', " "),
                    ))
                }
                Progress::Missing(_) => None,
            };
            if let Some(result) = result {
                return (all, result);
            }
            let left = self.timeout.saturating_sub(start.elapsed());
            std::thread::sleep(INTERVAL.saturating_sub(began.elapsed()).min(left));
        }
    }

    fn progress(&self, all: &[StatusOfConsole]) -> Progress {
        let mut missing = None;
        for StatusOfConsole { address, state } in all {
            let view = match state {
                Ok(state) => &state.view,
                Err(_) => {
                    missing = Some(format!("{address} cannot be reached"));
                    continue;
                }
            };
            // Streams that are still open keep a replaced rollout in the list.
            let is_chosen = |it: &&RolloutView| match &self.rollout {
                Some(name) => *name == it.rollout,
                None => !it.is_replaced,
            };
            let mut rollouts = view.rollouts.iter().filter(is_chosen).peekable();
            if rollouts.peek().is_none() {
                let name = self.rollout.as_deref().unwrap_or("rollout");
                missing = Some(format!("{address} has no {name}"));
            }
            for RolloutView { rollout, phase, ramp, is_known, .. } in rollouts {
                if !is_known {
                    missing = Some(format!("the phase of {rollout} at {address} is not known"));
                    continue;
                }
                let text = format!("{rollout} at {address} is in phase {phase}");
                if ramp.is_some() && phase == FINAL_PHASE && self.phase != FINAL_PHASE {
                    return Progress::Impossible(format!(
                        "{text}, which only the configuration ends"
                    ));
                }
                if *phase != self.phase {
                    missing = Some(text);
                }
            }
        }
        missing.map_or(Progress::Reached, Progress::Missing)
    }
}
