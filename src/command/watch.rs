//! `verdigris watch`: the state of rollouts, refreshed until it is interrupted.

use std::io::{IsTerminal as _, Write, stdout};
use std::time::{Duration, Instant};

use anstream::ColorChoice;
use anstream::adapter::strip_str;
use clap::Args;
use serde_json::json;

use super::console_client::{ConsoleAddress, ConsoleClient, ConsoleState};
use super::output::{BAD, CliError, FAINT, columns, styled, wrapped};
use super::render;
use crate::config::time::parse_duration;
use crate::console::time_format::HumanDuration;
use crate::console::view::{JudgedPairsView, RolloutView, View};
use crate::console::{Tone, headline};

/// Shows the state of all rollouts and refreshes it until Ctrl-C.
///
/// On a terminal the state is redrawn in place. Otherwise it is printed again only when it has
/// changed: a phase, a share, a step, what the next decision waits for, a verdict, an operator
/// command, a decision or a problem. With --json each change is a line with the state as received.
/// If the console cannot be reached, that is shown, in JSON as {"unreached": …}, and retried.
#[derive(Args)]
pub struct WatchArgs {
    /// The console's address.
    #[arg(value_name = "URL", value_parser = ConsoleAddress::parse)]
    address: ConsoleAddress,
    /// The refresh interval.
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = interval)]
    every: Duration,
}

/// How the state is output.
enum Screen {
    /// Redrawn in place on a terminal.
    Redrawn { in_colour: bool },
    /// Printed again after each change.
    Appended { as_json: bool },
}

/// The last state that the console sent, and whether it can be reached.
#[derive(Default)]
struct LastState {
    state: Option<ConsoleState>,
    unreachable: Option<Unreachable>,
}

/// A console that cannot be reached.
struct Unreachable {
    since: Instant,
    why: String,
}

/// The state without the numbers that time and traffic change. `watch` prints a state when the rest
/// has changed.
#[derive(PartialEq)]
struct StableState {
    tones: Vec<Tone>,
    view: View,
}

/// Switches to the alternate screen, without cursor and line wrapping; and back.
const ENTER: &str = "\u{1b}[?1049h\u{1b}[?25l\u{1b}[?7l";
const LEAVE: &str = "\u{1b}[?7h\u{1b}[?25h\u{1b}[?1049l";
/// Moves the cursor to the first line; erases to the end of the line; to the end of the screen.
const HOME: &str = "\u{1b}[H";
const TO_LINE_END: &str = "\u{1b}[K";
const TO_SCREEN_END: &str = "\u{1b}[J";

/// The exit code after Ctrl-C.
const INTERRUPTED: i32 = 130;

/// The number of rows of a terminal whose size is not known.
const DEFAULT_ROWS: usize = 24;

fn interval(text: &str) -> Result<Duration, String> {
    let interval = parse_duration(text).filter(|it| *it >= Duration::from_millis(100));
    interval.ok_or_else(|| "write a time of at least 100ms, such as 2s".to_owned())
}

// === impl WatchArgs ===

impl WatchArgs {
    /// Shows the state until the output is closed.
    ///
    /// # Errors
    /// The terminal cannot be set up.
    pub fn run(self, as_json: bool) -> Result<(), CliError> {
        let client = ConsoleClient::new(self.address);
        let screen = Screen::of_stdout(as_json);
        screen.enter()?;
        let mut last = LastState::default();
        loop {
            let start = Instant::now();
            let has_changed = last.update(client.state());
            let written = match screen {
                Screen::Redrawn { in_colour } => {
                    draw(&last.frame(client.address(), self.every), in_colour)
                }
                Screen::Appended { as_json } if has_changed => {
                    let mut out = anstream::stdout().lock();
                    out.write_all(last.change(as_json).as_bytes()).and_then(|()| out.flush())
                }
                Screen::Appended { .. } => Ok(()),
            };
            if written.is_err() {
                return Ok(());
            }
            std::thread::sleep(self.every.saturating_sub(start.elapsed()));
        }
    }
}

// === impl StableState ===

impl StableState {
    fn new(view: &View) -> Self {
        let mut stable = View { now_ms: 0, ..view.clone() };
        for rollout in &mut stable.rollouts {
            Self::remove_numbers(rollout);
        }
        Self { tones: view.rollouts.iter().map(|it| headline(it).tone).collect(), view: stable }
    }

    fn remove_numbers(rollout: &mut RolloutView) {
        rollout.versions.clear();
        for check in &mut rollout.health {
            check.text.clear();
        }
        for problem in &mut rollout.problems {
            problem.what.retain(|it| !it.is_ascii_digit());
        }
        if let Some(judge) = &mut rollout.judge {
            judge.spent_microusd = 0;
            (judge.blue, judge.green) = Default::default();
            judge.pairs = judge.pairs.take().map(|_| JudgedPairsView::default());
        }
        if let Some(fleet) = &mut rollout.fleet {
            fleet.store_silent_s = fleet.store_silent_s.map(|_| 0);
            for instance in &mut fleet.instances {
                (instance.seen_s_ago, instance.evidence) = (0, 0.0);
            }
        }
        let Some(ramp) = &mut rollout.ramp else { return };
        (ramp.about_s, ramp.in_step_s, ramp.at_half_time) = (None, 0, None);
        ramp.differences.clear();
        if let Some(step) = &mut ramp.shadow_step {
            (step.pairs, step.units, step.pairs_needed, step.worse) = (0, 0, None, 0.0);
            step.gates.clear();
        }
        let Some(analysis) = &mut ramp.judgement else { return };
        (analysis.worse, analysis.blue_units, analysis.green_units) = (0.0, 0, 0);
        for gate in &mut analysis.gates {
            (gate.blue_units, gate.green_units) = (0, 0);
            (gate.blue_missing, gate.green_missing) = (0, 0);
            (gate.worse, gate.safe) = (0.0, 0.0);
            (gate.blue, gate.green) = (None, None);
            (gate.low, gate.high) = (None, None);
            (gate.margin_at, gate.tolerance_at) = (None, None);
            gate.bad_units_needed = 0;
        }
    }
}

/// Redraws the screen, and cuts the frame to the terminal's height.
fn draw(frame: &str, in_colour: bool) -> std::io::Result<()> {
    let size = terminal_size::terminal_size();
    let rows = size.map_or(DEFAULT_ROWS, |(_, rows)| usize::from(rows.0).max(2));
    let frame = if in_colour { frame.to_owned() } else { strip_str(frame).to_string() };
    let mut lines: Vec<_> = frame.lines().map(str::to_owned).collect();
    if lines.len() > rows {
        let cut = lines.len() - (rows - 1);
        lines.truncate(rows - 1);
        lines.push(format!("{cut} more lines: enlarge the window to see them"));
    }
    let text = lines.join(&format!("{TO_LINE_END}\n"));
    // Locked until the end, so that Ctrl-C does not interrupt an escape sequence.
    let mut out = stdout().lock();
    write!(out, "{HOME}{text}{TO_LINE_END}{TO_SCREEN_END}")?;
    out.flush()
}

// === impl Screen ===

impl Screen {
    fn of_stdout(as_json: bool) -> Self {
        if as_json || !stdout().is_terminal() {
            return Self::Appended { as_json };
        }
        let in_colour = anstream::AutoStream::choice(&stdout()) != ColorChoice::Never;
        Self::Redrawn { in_colour }
    }

    /// Switches a terminal to the alternate screen, until Ctrl-C switches it back.
    fn enter(&self) -> Result<(), CliError> {
        let Self::Redrawn { .. } = self else { return Ok(()) };
        let leave = || {
            let mut out = stdout().lock();
            let _ = out.write_all(LEAVE.as_bytes()).and_then(|()| out.flush());
            std::process::exit(INTERRUPTED);
        };
        ctrlc::set_handler(leave).map_err(|error| CliError::Usage(error.to_string()))?;
        let entered = stdout().write_all(ENTER.as_bytes());
        entered.map_err(|error| CliError::Usage(error.to_string()))
    }
}

// === impl LastState ===

impl LastState {
    /// Takes a response, or why there is none. Returns whether anything has changed.
    fn update(&mut self, response: Result<ConsoleState, String>) -> bool {
        match response {
            Ok(state) => {
                let was_unreachable = self.unreachable.take().is_some();
                let before = self.state.as_ref().map(|it| StableState::new(&it.view));
                let has_changed = before != Some(StableState::new(&state.view));
                self.state = Some(state);
                was_unreachable || has_changed
            }
            Err(why) => {
                let before = self.unreachable.take();
                let has_changed = before.as_ref().is_none_or(|it| it.why != why);
                let since = before.map_or_else(Instant::now, |it| it.since);
                self.unreachable = Some(Unreachable { since, why });
                has_changed
            }
        }
    }

    /// The output after a change.
    fn change(&self, as_json: bool) -> String {
        match (&self.unreachable, &self.state) {
            (Some(Unreachable { why, .. }), _) if as_json => {
                json!({"unreached": why}).to_string() + "\n"
            }
            (Some(Unreachable { why, .. }), _) => {
                format!("{} {why}; retrying\n\n", styled(BAD, "unreachable:"))
            }
            (None, Some(state)) if as_json => state.line() + "\n",
            (None, Some(state)) => render::report(&state.view, columns()) + "\n",
            (None, None) => String::new(),
        }
    }

    /// The contents of the screen.
    fn frame(&self, address: &ConsoleAddress, every: Duration) -> String {
        let columns = columns();
        let every = every.as_secs_f64();
        let head = format!("{}, every {every} s; Ctrl-C exits", address.page());
        let mut frame = styled(FAINT, head) + "\n";
        if let Some(Unreachable { since, why }) = &self.unreachable {
            let time = HumanDuration(since.elapsed().as_secs()).to_string().replace('\u{a0}', " ");
            let below = if self.state.is_some() { " The last known state is below." } else { "" };
            let text = format!("Unreachable for {time}: {why} Retrying.{below}");
            for line in wrapped("", &text, columns).lines() {
                frame += &format!("{}\n", styled(BAD, line));
            }
        }
        match &self.state {
            Some(state) => frame + &render::report(&state.view, columns),
            None => frame,
        }
    }
}
