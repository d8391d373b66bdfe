//! How releases stand, from their console, again and again.

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
use crate::console::view::View;
use crate::console::{Tone, headline};

/// Shows how releases stand, live; Ctrl-C ends it.
///
/// On a terminal the picture is drawn anew in its place. Elsewhere a new one is printed only
/// where something has changed: a phase, a share, a step, what it waits for, a verdict, an
/// order, a decision, a problem; with --json the state in one line, as it came. Where the
/// console cannot be reached that is said, in JSON as {"unreached": …}, and tried again.
#[derive(Args)]
pub struct Watch {
    /// Where the console listens.
    #[arg(value_name = "URL", value_parser = ConsoleAddress::parse)]
    address: ConsoleAddress,
    /// How often it is asked.
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = period)]
    every: Duration,
}

/// Where it is shown.
enum Screen {
    /// A terminal that is drawn anew.
    Drawn { in_colour: bool },
    /// One after the other.
    Printed { as_json: bool },
}

/// What is known of the console.
#[derive(Default)]
struct LastState {
    state: Option<ConsoleState>,
    /// Since when it cannot be reached, and why.
    unreached: Option<(Instant, String)>,
}

/// A second screen, without a cursor, in which what is too long is cut; and back.
const ENTER: &str = "\u{1b}[?1049h\u{1b}[?25l\u{1b}[?7l";
const LEAVE: &str = "\u{1b}[?7h\u{1b}[?25h\u{1b}[?1049l";
/// To the first line; takes out what is left of a line, and of the screen.
const HOME: &str = "\u{1b}[H";
const TO_LINE_END: &str = "\u{1b}[K";
const TO_SCREEN_END: &str = "\u{1b}[J";

/// The exit code of what Ctrl-C has ended.
const INTERRUPTED: i32 = 130;

/// How many lines a terminal has that does not say.
const ROWS: usize = 24;

fn period(text: &str) -> Result<Duration, String> {
    let period = parse_duration(text).filter(|it| *it >= Duration::from_millis(100));
    period.ok_or_else(|| "write a time from 100ms on, such as 2s".to_owned())
}

// === impl Watch ===

impl Watch {
    /// Ends with who reads, or with Ctrl-C.
    pub fn run(self, as_json: bool) -> Result<(), CliError> {
        let remote = ConsoleClient::new(self.address);
        let screen = Screen::of_stdout(as_json);
        screen.enter()?;
        let mut known = LastState::default();
        loop {
            let asked = Instant::now();
            let is_news = known.learn(remote.state());
            let shown = match screen {
                Screen::Drawn { in_colour } => {
                    draw(&known.frame(remote.address(), self.every), in_colour)
                }
                Screen::Printed { as_json } if is_news => {
                    let mut out = anstream::stdout().lock();
                    out.write_all(known.news(as_json).as_bytes()).and_then(|()| out.flush())
                }
                Screen::Printed { .. } => Ok(()),
            };
            if shown.is_err() {
                return Ok(());
            }
            std::thread::sleep(self.every.saturating_sub(asked.elapsed()));
        }
    }
}

/// What stays of a state while nothing happens: the numbers of traffic and time do not.
fn gist(view: &View) -> (Vec<Tone>, View) {
    let mut gist = View { now_ms: 0, ..view.clone() };
    for rollout in &mut gist.rollouts {
        rollout.versions.clear();
        for problem in &mut rollout.problems {
            problem.what.retain(|it| !it.is_ascii_digit());
        }
        let Some(ramp) = &mut rollout.ramp else { continue };
        (ramp.about_s, ramp.in_step_s) = (None, 0);
        let Some(judgement) = &mut ramp.judgement else { continue };
        (judgement.worse, judgement.blue_units, judgement.green_units) = (0.0, 0, 0);
        for gate in &mut judgement.gates {
            (gate.blue_units, gate.green_units) = (0, 0);
            (gate.worse, gate.safe) = (0.0, 0.0);
            (gate.blue, gate.green) = (None, None);
            (gate.low, gate.high) = (None, None);
            (gate.margin_at, gate.tolerance_at) = (None, None);
        }
    }
    (view.rollouts.iter().map(|it| headline(it).tone).collect(), gist)
}

/// Draws a frame, and cuts what the terminal has no room for.
fn draw(frame: &str, in_colour: bool) -> std::io::Result<()> {
    let rows = terminal_size::terminal_size().map_or(ROWS, |(_, rows)| usize::from(rows.0).max(2));
    let frame = if in_colour { frame.to_owned() } else { strip_str(frame).to_string() };
    let mut lines: Vec<_> = frame.lines().map(str::to_owned).collect();
    if lines.len() > rows {
        let cut = lines.len() - (rows - 1);
        lines.truncate(rows - 1);
        lines.push(format!("{cut} more lines: a taller window shows them"));
    }
    let text = lines.join(&format!("{TO_LINE_END}\n"));
    // Held to the end, so that Ctrl-C comes before it or after it.
    let mut out = stdout().lock();
    write!(out, "{HOME}{text}{TO_LINE_END}{TO_SCREEN_END}")?;
    out.flush()
}

// === impl Screen ===

impl Screen {
    fn of_stdout(as_json: bool) -> Self {
        if as_json || !stdout().is_terminal() {
            return Self::Printed { as_json };
        }
        let in_colour = anstream::AutoStream::choice(&stdout()) != ColorChoice::Never;
        Self::Drawn { in_colour }
    }

    /// Makes room on a terminal, which is as it was once this ends.
    fn enter(&self) -> Result<(), CliError> {
        let Self::Drawn { .. } = self else { return Ok(()) };
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

// === impl Known ===

impl LastState {
    /// Takes in what the console has said, or why it has not; whether that is news.
    fn learn(&mut self, said: Result<ConsoleState, String>) -> bool {
        match said {
            Ok(state) => {
                let was_unreached = self.unreached.take().is_some();
                let before = self.state.as_ref().map(|it| gist(&it.view));
                let is_news = before.as_ref() != Some(&gist(&state.view));
                self.state = Some(state);
                was_unreached || is_news
            }
            Err(why) => {
                let (since, before) = self.unreached.take().unzip();
                let is_news = before.as_ref() != Some(&why);
                self.unreached = Some((since.unwrap_or_else(Instant::now), why));
                is_news
            }
        }
    }

    /// What is printed of it.
    fn news(&self, as_json: bool) -> String {
        match (&self.unreached, &self.state) {
            (Some((_, why)), _) if as_json => json!({"unreached": why}).to_string() + "\n",
            (Some((_, why)), _) => {
                format!("{} {why}; it is tried again\n\n", styled(BAD, "not reached:"))
            }
            (None, Some(state)) if as_json => state.line() + "\n",
            (None, Some(state)) => render::report(&state.view, columns()) + "\n",
            (None, None) => String::new(),
        }
    }

    /// What is drawn of it.
    fn frame(&self, address: &ConsoleAddress, every: Duration) -> String {
        let columns = columns();
        let every = every.as_secs_f64();
        let head = format!("{}, every {every} s; Ctrl-C ends", address.page());
        let mut frame = styled(FAINT, head) + "\n";
        if let Some((since, why)) = &self.unreached {
            let for_s = HumanDuration(since.elapsed().as_secs()).to_string().replace('\u{a0}', " ");
            let below = if self.state.is_some() { " Below is what was known then." } else { "" };
            let told = format!("Not reached for {for_s}: {why} It is tried again.{below}");
            for line in wrapped("", &told, columns).lines() {
                frame += &format!("{}\n", styled(BAD, line));
            }
        }
        match &self.state {
            Some(state) => frame + &render::report(&state.view, columns),
            None => frame,
        }
    }
}
