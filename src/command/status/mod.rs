//! `verdigris status`: the state of rollouts, read from their console.

use clap::Args;
use serde::{Serialize, Serializer};

use super::console_client::{ConsoleAddress, ConsoleClient, ConsoleState};
use super::output::{CliError, Report, ReportOutcome, columns};
use super::render;
use crate::console::{Tone, headline};

/// Shows the state of all rollouts, as the console's page does.
///
/// URL is the console's address, such as http://127.0.0.1:9902 or localhost:9902. The command
/// only reads: it sends no operator command and no token. Exits with 0 if there is no problem,
/// with 1 if a rollout was rolled back, has a severe problem, or has a split of users that does not
/// match its weights, and with 3 if the console cannot be reached or the address is not a
/// console's. --json prints the state as received. Times are UTC.
#[derive(Args)]
pub struct StatusArgs {
    /// The console's address.
    #[arg(value_name = "URL", value_parser = ConsoleAddress::parse)]
    address: ConsoleAddress,
}

/// The state of all rollouts of a console.
pub struct StatusReport {
    state: ConsoleState,
}

// === impl StatusArgs ===

impl StatusArgs {
    /// Reads the state.
    ///
    /// # Errors
    /// The console cannot be reached.
    pub fn run(self) -> Result<StatusReport, CliError> {
        let state = ConsoleClient::new(self.address).state().map_err(CliError::Unreachable)?;
        Ok(StatusReport { state })
    }
}

// === impl StatusReport ===

impl Serialize for StatusReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.state.json.serialize(serializer)
    }
}

impl Report for StatusReport {
    fn text(&self) -> String {
        render::report(&self.state.view, columns())
    }

    fn outcome(&self) -> ReportOutcome {
        let view = &self.state.view;
        let is_bad = view.rollouts.iter().any(|it| headline(it).tone == Tone::Bad)
            || view.problems.iter().any(|it| it.is_severe);
        if is_bad { ReportOutcome::Findings } else { ReportOutcome::Ok }
    }
}
