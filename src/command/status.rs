//! How releases stand, from their console.

use clap::Args;
use serde::{Serialize, Serializer};

use super::console_client::{ConsoleAddress, ConsoleClient, ConsoleState};
use super::output::{CliError, Report, columns};
use super::render;
use crate::console::{Tone, headline};

/// Shows how releases stand, as the console's page does.
///
/// URL is where the console listens, such as http://127.0.0.1:9902 or localhost:9902. Its
/// state is read; no order and no token is ever sent. Exits with 0 where nothing is wrong, with 1
/// where a rollout was rolled back, its users are not divided as they should be or it has a
/// severe problem, and with 3 where the console cannot be reached, or what answers is none.
/// --json prints the state as it came. Times are UTC.
#[derive(Args)]
pub struct Status {
    /// Where the console listens.
    #[arg(value_name = "URL", value_parser = ConsoleAddress::parse)]
    address: ConsoleAddress,
}

/// How they stand.
pub struct StatusReport {
    state: ConsoleState,
}

// === impl Status ===

impl Status {
    pub fn run(self) -> Result<StatusReport, CliError> {
        let state = ConsoleClient::new(self.address).state().map_err(CliError::Unreached)?;
        Ok(StatusReport { state })
    }
}

// === impl Standing ===

impl Serialize for StatusReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.state.json.serialize(serializer)
    }
}

impl Report for StatusReport {
    fn text(&self) -> String {
        render::report(&self.state.view, columns())
    }

    fn is_fine(&self) -> bool {
        let view = &self.state.view;
        view.rollouts.iter().all(|it| headline(it).tone != Tone::Bad)
            && !view.problems.iter().any(|it| it.is_severe)
    }
}
