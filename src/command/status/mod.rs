//! `verdigris status`: the state of rollouts, read from their consoles.
//!
//! | file | concept |
//! |---|---|
//! | `status_of_console`, `report` | the state of a console, and of all of them |
//! | `wait` | waiting for a phase |

mod report;
mod status_of_console;
mod wait;

use std::time::Duration;

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::console_client::{ConsoleAddress, ConsoleClient, ask_all};
use super::output::CliError;
use crate::config::time::parse_duration;
use report::StatusReport;
use status_of_console::StatusOfConsole;
use wait::Wait;

/// Shows the state of all rollouts, as the console's page does, or waits for a phase.
///
/// URL is a console's address, such as http://127.0.0.1:9902 or localhost:9902. The command only
/// reads: it sends no operator command, and VERDIGRIS_CONSOLE_TOKEN only to a console that asks for it. It exits with 0 if there is no problem, with 1
/// if a rollout was rolled back, has a severe problem, or has a split of users that does not match
/// its weights, and with 3 if a console cannot be reached or the address is not a console's. --json
/// prints the state as received; with several URLs, a list of them. Times are UTC.
///
/// With --wait, the command shows the state when each rollout of each console is in the phase, and
/// exits with 0. It exits with 1 if that does not happen within --timeout, or cannot happen because
/// a rollout is rolled back, and with 3 if a console cannot be reached at the end. With --json, the
/// result of the wait is printed to standard error. Right after a change of the configuration, the
/// state may be that of before: wait for a new rollout name, with --rollout.
#[derive(Args)]
pub struct StatusArgs {
    /// The consoles' addresses.
    #[arg(value_name = "URL", value_parser = ConsoleAddress::parse, required = true)]
    consoles: Vec<ConsoleAddress>,
    /// Waits until the rollouts are in this phase. by_hand is the phase of manual weights.
    #[arg(long, value_name = "PHASE", value_parser = PossibleValuesParser::new(wait::PHASES))]
    wait: Option<String>,
    /// How long to wait, such as 90s or 2h.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = timeout, requires = "wait")]
    timeout: Duration,
    /// Waits for this rollout only.
    #[arg(long, value_name = "NAME", requires = "wait")]
    rollout: Option<String>,
}

fn timeout(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "write a time, such as 90s, 10m or 2h".to_owned())
}

// === impl StatusArgs ===

impl StatusArgs {
    /// Reads the states, after waiting for a phase if the options say so.
    ///
    /// # Errors
    /// The only console cannot be reached.
    pub fn run(self) -> Result<StatusReport, CliError> {
        let consoles = self.consoles;
        let read = || {
            let states = ask_all(&consoles, ConsoleClient::state);
            let status = |(address, state): (&ConsoleAddress, _)| StatusOfConsole {
                address: address.page().to_owned(),
                state,
            };
            consoles.iter().zip(states).map(status).collect::<Vec<_>>()
        };
        let (mut all, waited) = match self.wait {
            Some(phase) => {
                let wait = Wait { phase, rollout: self.rollout, timeout: self.timeout };
                let (all, result) = wait.until_ended(read);
                (all, Some(result))
            }
            None => (read(), None),
        };
        if let [StatusOfConsole { state: state @ Err(_), .. }] = all.as_mut_slice() {
            let why = std::mem::replace(state, Err(String::new())).err().unwrap_or_default();
            return Err(CliError::Unreachable(why));
        }
        Ok(StatusReport { all, waited })
    }
}
