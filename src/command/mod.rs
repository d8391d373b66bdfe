//! The native command `verdigris`, which uses the same core as the filter.
//!
//! | file | concept |
//! |---|---|
//! | `check`, `reload` | errors in a configuration, and the effects of reloading it |
//! | `explain` | which version a request gets, and why |
//! | `plan`, `forecast` | how long a ramp takes to reach its verdicts |
//! | `simulate`, `progress` | a ramp run many times on synthetic traffic; the time left |
//! | `set_weights`, `restart`, `edit` | changes of fields in the file that Envoy watches |
//! | `status`, `watch` | the state of rollouts, read from their consoles |
//! | `steer` | operator commands, sent to consoles |
//! | `console_client`, `render`, `interval_bar` | a console over HTTP, and its state as text |
//! | `traffic`, `scenario` | the options that describe traffic, and how versions behave |
//! | `source`, `yaml`, `json_span`, `position`, `load` | configurations in files, and positions in them |
//! | `numbers` | whole numbers on the command line |
//! | `output`, `man` | reports, tables and number formats; the man page |
//!
//! Exit codes: 0 done, or no problems; 1 problems to fix, or a rejected command; 2 wrong usage, or
//! a file that cannot be read or written; 3 a console cannot be reached, or answers a command with 5xx.

mod check;
mod console_client;
mod console_token;
mod edit;
mod explain;
mod forecast;
mod interval_bar;
mod json_span;
mod load;
mod man;
mod numbers;
mod output;
mod plan;
mod position;
mod progress;
mod reload;
mod render;
mod restart;
mod scenario;
mod set_weights;
mod simulate;
mod source;
mod status;
mod steer;
mod traffic;
mod watch;
mod yaml;

use std::io::stdout;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

use crate::rollout::CommandKind;
use output::{BAD, CliError, ReportOutcome, print, styled};

/// Checks, predicts, shows and steers LLM releases of the Verdigris filter.
#[derive(Parser)]
#[command(name = "verdigris", version, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 done, or no problems found; 1 problems to fix, or a console rejected \
                        the command; 2 wrong usage, or a file that cannot be read or written; 3 a \
                        console cannot be reached, or answers a command with 5xx."
)]
struct Cli {
    /// Prints JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: CliCommand,
}

#[derive(Subcommand)]
enum CliCommand {
    Check(check::CheckArgs),
    Explain(explain::ExplainArgs),
    Plan(plan::PlanArgs),
    Simulate(simulate::SimulateArgs),
    SetWeights(set_weights::SetWeightsArgs),
    Restart(restart::RestartArgs),
    Status(status::StatusArgs),
    Watch(watch::WatchArgs),
    Rollback(steer::RollbackArgs),
    /// Pauses a ramp: it stays in its step, and gathers evidence there.
    ///
    /// The command asks each console, with the token from the environment variable
    /// VERDIGRIS_CONSOLE_TOKEN. The pause lasts until `resume`, until the configuration of the ramp
    /// changes, or, without a fleet, until Envoy restarts. A rollback is still possible, by operator command and by
    /// the ramp itself.
    Pause(steer::StepCommandArgs),
    /// Ends a pause, a promotion or weights by operator command.
    ///
    /// The command asks each console, with the token from the environment variable
    /// VERDIGRIS_CONSOLE_TOKEN. A ramp continues in its step. It does not end a ramp's
    /// rollback; use `restart` for that.
    Resume(steer::StepCommandArgs),
    /// Approves the next step of a ramp that waits for approval.
    ///
    /// The command asks each console, with the token from the environment variable
    /// VERDIGRIS_CONSOLE_TOKEN. Use --step with the step that you looked at.
    Approve(steer::StepCommandArgs),
    Promote(steer::PromoteArgs),
    Weights(steer::WeightsArgs),
    /// Prints completions for a shell: source <(verdigris completions bash)
    Completions {
        /// The shell.
        shell: Shell,
        #[command(flatten)]
        plain: PlainOutput,
    },
    /// Prints the man page: verdigris man | man -l -
    Man(PlainOutput),
}

/// Hides `--json` in the help of a subcommand whose output is no report.
#[derive(Args)]
struct PlainOutput {
    /// Has no effect.
    #[arg(long, hide = true)]
    json: bool,
}

/// Exit code: there are problems to fix, or a console rejected a command.
const EXIT_FINDINGS: u8 = 1;

/// Exit code: wrong usage, or a file that cannot be read or written.
const EXIT_USAGE: u8 = 2;

/// Exit code: a console cannot be reached, or answers a command with 5xx.
const EXIT_UNREACHABLE: u8 = 3;

/// Runs the command with the process's arguments.
pub fn main() -> ExitCode {
    let Cli { json, command } = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return report_usage(&error),
    };
    match run(command, json) {
        Ok(ReportOutcome::Ok) => ExitCode::SUCCESS,
        Ok(ReportOutcome::Findings) => ExitCode::from(EXIT_FINDINGS),
        Ok(ReportOutcome::Unreachable) => ExitCode::from(EXIT_UNREACHABLE),
        Err(error) => {
            let (why, code) = match error {
                CliError::Invalid(why) => (why, EXIT_FINDINGS),
                CliError::Usage(why) => (why, EXIT_USAGE),
                CliError::Unreachable(why) => (why, EXIT_UNREACHABLE),
            };
            if json {
                write_error(&why);
            }
            anstream::eprintln!("{} {why}", styled(BAD, "error:"));
            ExitCode::from(code)
        }
    }
}

/// Writes an error as JSON.
fn write_error(why: &str) {
    let text = serde_json::json!({"error": why}).to_string() + "\n";
    // If this fails as well, the exit code still has the error.
    let _ = output::write(&mut stdout(), text.as_bytes());
}

/// Prints what clap has instead of arguments: an error, or the help.
fn report_usage(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && std::env::args_os().any(|it| it == "--json") {
        let text = error.render().to_string();
        let why = text.split("\n\nFor more information").next().unwrap_or_default();
        write_error(why.strip_prefix("error: ").unwrap_or(why).trim_end());
    }
    // If this fails, the exit code still has the error.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(EXIT_USAGE))
}

fn run(command: CliCommand, json: bool) -> Result<ReportOutcome, CliError> {
    match command {
        CliCommand::Check(args) if args.schema => write_plain(check::SCHEMA.as_bytes()),
        CliCommand::Check(args) => print(&args.run()?, json),
        CliCommand::Explain(args) => print(&args.run()?, json),
        CliCommand::Plan(args) => print(&args.run()?, json),
        CliCommand::Simulate(args) => print(&args.run()?, json),
        CliCommand::SetWeights(args) => print(&args.run()?, json),
        CliCommand::Restart(args) => print(&args.run()?, json),
        CliCommand::Status(args) => print(&args.run()?, json),
        CliCommand::Watch(args) => args.run(json).map(|()| ReportOutcome::Ok),
        CliCommand::Rollback(args) => print(&args.run()?, json),
        CliCommand::Pause(args) => print(&args.run(CommandKind::Pause)?, json),
        CliCommand::Resume(args) => print(&args.run(CommandKind::Resume)?, json),
        CliCommand::Approve(args) => print(&args.run(CommandKind::Approve)?, json),
        CliCommand::Promote(args) => print(&args.run()?, json),
        CliCommand::Weights(args) => print(&args.run()?, json),
        CliCommand::Completions { shell, .. } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "verdigris", &mut text);
            write_plain(&text)
        }
        CliCommand::Man(_) => write_plain(&man::page(Cli::command())?),
    }
}

/// Writes output that has no report and no colours.
fn write_plain(bytes: &[u8]) -> Result<ReportOutcome, CliError> {
    output::write(&mut stdout(), bytes).map(|()| ReportOutcome::Ok)
}
