//! The state of a console.

use crate::command::console_client::ConsoleState;
use crate::command::output::{BAD, columns, styled};
use crate::command::render;
use crate::console::view::RolloutView;
use crate::console::{Tone, headline};

/// The state of a console, or why there is none.
pub(super) struct StatusOfConsole {
    /// The address of the page.
    pub address: String,
    pub state: Result<ConsoleState, String>,
}

// === impl StatusOfConsole ===

impl StatusOfConsole {
    pub fn text(&self) -> String {
        match &self.state {
            Ok(state) => render::report(&state.view, columns()),
            Err(why) => format!("{} {why}\n", styled(BAD, "unreachable:")),
        }
    }

    pub fn is_bad(&self) -> bool {
        let Ok(ConsoleState { view, .. }) = &self.state else { return false };
        // The headline of a state that is lost or not known does not have the tone of its problems.
        let is_bad = |it: &RolloutView| {
            let has_severe = !it.is_replaced && it.problems.iter().any(|problem| problem.is_severe);
            has_severe || headline(it).tone == Tone::Bad
        };
        view.rollouts.iter().any(is_bad) || view.problems.iter().any(|it| it.is_severe)
    }
}
