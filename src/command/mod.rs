//! The native command `verdigris`, on the same core as the filter.
//!
//! | file | concept |
//! |---|---|
//! | `check`, `reload` | what is wrong with a configuration, and what its reload would do |
//! | `explain` | which version a unit gets, and why |
//! | `plan`, `forecast` | how long a ramp takes to tell |
//! | `simulate` | the ramp a thousand times, in a world whose truth is said |
//! | `set_weights` | other weights in the file that Envoy watches |
//! | `status`, `watch` | how releases stand now, from their console |
//! | `remote`, `shown`, `interval` | a console's state, and as text |
//! | `traffic`, `behaviour` | what is said of traffic, and of what versions do |
//! | `source`, `yaml`, `field` | configurations in files, and where in them |
//! | `output` | what is printed |
//!
//! Exit codes: 0 where there is nothing to mend, 1 where there is, 2 where what was asked
//! for cannot be done, 3 where the console cannot be reached.

mod check;
mod console_client;
mod explain;
mod forecast;
mod interval;
mod json_span;
mod output;
mod plan;
mod reload;
mod render;
mod scenario;
mod set_weights;
mod simulate;
mod source;
mod status;
mod traffic;
mod watch;
mod yaml;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

use output::{BAD, CliError, print, styled};
use source::Source;

use crate::config::{Config, InvalidConfig, Plugin};

/// Checks, explains, plans, simulates and shows LLM releases as the Verdigris filter makes them.
#[derive(Parser)]
#[command(name = "verdigris", version, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 nothing to mend; 1 something to mend; 2 what was asked for \
                        cannot be done, such as an unknown option or a file that cannot be read; 3 the \
                        console cannot be reached.")]
struct Cli {
    /// Prints JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    what: CliCommand,
}

#[derive(Subcommand)]
enum CliCommand {
    Check(check::Check),
    Explain(explain::Explain),
    Plan(plan::Plan),
    Simulate(simulate::Simulate),
    SetWeights(set_weights::SetWeights),
    Status(status::Status),
    Watch(watch::Watch),
    /// Prints completions for a shell: source <(verdigris completions bash)
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Prints the man page: verdigris man | man -l -
    Man,
}

/// The exit code where something is to be mended.
const TO_MEND: u8 = 1;

/// The exit code where what was asked for cannot be done.
const USAGE: u8 = 2;

/// The exit code where the console cannot be reached.
const UNREACHED: u8 = 3;

/// Runs the command with the process's arguments.
pub fn main() -> ExitCode {
    let Cli { json, what } = Cli::parse();
    let done = match what {
        CliCommand::Check(check) if check.schema => write(check::SCHEMA.as_bytes()),
        CliCommand::Check(check) => check.run().and_then(|it| print(&it, json)),
        CliCommand::Explain(explain) => explain.run().and_then(|it| print(&it, json)),
        CliCommand::Plan(plan) => plan.run().and_then(|it| print(&it, json)),
        CliCommand::Simulate(simulate) => simulate.run().and_then(|it| print(&it, json)),
        CliCommand::SetWeights(set_weights) => set_weights.run().and_then(|it| print(&it, json)),
        CliCommand::Status(status) => status.run().and_then(|it| print(&it, json)),
        CliCommand::Watch(watch) => watch.run(json).map(|()| true),
        CliCommand::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "verdigris", &mut text);
            write(&text)
        }
        CliCommand::Man => man().and_then(|text| write(&text)),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(TO_MEND),
        Err(stop) => {
            let (why, code) = match stop {
                CliError::ToMend(why) => (why, TO_MEND),
                CliError::Usage(why) => (why, USAGE),
                CliError::Unreached(why) => (why, UNREACHED),
            };
            if json {
                // Who cannot be told so is told by the exit code.
                let told = serde_json::json!({"error": why}).to_string() + "\n";
                let _ = output::write(&mut std::io::stdout(), told.as_bytes());
            }
            anstream::eprintln!("{} {why}", styled(BAD, "error:"));
            ExitCode::from(code)
        }
    }
}

/// The page of the command, and of each subcommand after it.
fn man() -> Result<Vec<u8>, CliError> {
    let failed = |error: std::io::Error| CliError::Usage(error.to_string());
    let mut command = Cli::command();
    command.build();
    let mut text = Vec::new();
    let page = clap_mangen::Man::new(command.clone());
    page.render(&mut text).map_err(failed)?;
    for subcommand in command.get_subcommands().filter(|it| it.get_name() != "help") {
        writeln!(text, ".SH \"{}\"", subcommand.get_name().to_uppercase()).map_err(failed)?;
        let page = clap_mangen::Man::new(subcommand.clone());
        page.render_synopsis_section(&mut text).map_err(failed)?;
        page.render_description_section(&mut text).map_err(failed)?;
        page.render_options_section(&mut text).map_err(failed)?;
    }
    Ok(text)
}

/// Writes what is read by programs.
fn write(bytes: &[u8]) -> Result<bool, CliError> {
    output::write(&mut std::io::stdout(), bytes).map(|()| true)
}

/// The only configuration of a file, which must be one that can be run.
fn config_of(file: &str) -> Result<Config, CliError> {
    config_of_source(&Source::read(file)?)
}

fn config_of_source(source: &Source) -> Result<Config, CliError> {
    parsed(source, Config::parse)
}

/// The only plugin configuration of a file, be it a console's.
fn plugin_of_source(source: &Source) -> Result<Plugin, CliError> {
    parsed(source, Plugin::parse)
}

fn parsed<T>(source: &Source, parse: fn(&[u8]) -> Result<T, InvalidConfig>) -> Result<T, CliError> {
    let excerpt = source.only()?;
    parse(excerpt.json.as_bytes()).map_err(|refused| {
        let lines = refused.errors.iter().map(|problem| {
            let line = source.line_of(excerpt, &problem.field);
            format!("{}:{line}: {problem}", source.name)
        });
        CliError::ToMend(lines.collect::<Vec<_>>().join("\n"))
    })
}
