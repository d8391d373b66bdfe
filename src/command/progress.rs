//! The progress of a long calculation, on the standard error.

use std::io::IsTerminal as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::output::{count, time};

/// The progress of simulated ramps.
pub enum Progress {
    /// A bar that is redrawn, on a terminal.
    Bar(ProgressBar),
    /// Lines of text, in a pipe or a file.
    Lines(Mutex<Lines>),
}

/// Progress as lines.
pub struct Lines {
    start: Instant,
    last: Instant,
    done: u32,
    all: u32,
}

/// The time between two lines. A calculation that is shorter prints no line.
const INTERVAL: Duration = Duration::from_secs(5);

// === impl Progress ===

impl Progress {
    /// The progress of this many ramps.
    pub fn new(runs: u32) -> Self {
        if !std::io::stderr().is_terminal() {
            let now = Instant::now();
            return Self::Lines(Mutex::new(Lines { start: now, last: now, done: 0, all: runs }));
        }
        let style = ProgressStyle::with_template("{bar:40} {pos} of {len} ramps, {eta} left");
        let bar = ProgressBar::new(runs.into());
        Self::Bar(style.map(|style| bar.clone().with_style(style)).unwrap_or(bar))
    }

    /// Counts a ramp that has ended.
    pub fn add_run(&self) {
        match self {
            Self::Bar(bar) => bar.inc(1),
            Self::Lines(lines) => {
                let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(line) = lines.add_run(Instant::now()) {
                    anstream::eprintln!("{line}");
                }
            }
        }
    }

    /// Removes the bar.
    pub fn finish(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

// === impl Lines ===

impl Lines {
    /// Counts a ramp that has ended at `now`. Returns the line that is due.
    fn add_run(&mut self, now: Instant) -> Option<String> {
        self.done += 1;
        if now.duration_since(self.last) < INTERVAL || self.done >= self.all {
            return None;
        }
        self.last = now;
        let for_each = now.duration_since(self.start).as_secs_f64() / f64::from(self.done);
        let left = time(for_each * f64::from(self.all.saturating_sub(self.done)));
        let [done, all] = [self.done, self.all].map(|it| count(it.into()));
        Some(format!("{done} of {all} ramps, about {left} left"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_due_at_most_every_five_seconds() {
        let start = Instant::now();
        let mut lines = Lines { start, last: start, done: 0, all: 5 };
        let cases = [
            (4, None),
            (8, Some("2 of 5 ramps, about 12 s left")),
            (12, None),
            (40, Some("4 of 5 ramps, about 10 s left")),
            (60, None),
        ];
        for (seconds, line) in cases {
            let now = start + Duration::from_secs(seconds);
            assert_eq!(lines.add_run(now).as_deref(), line);
        }
    }
}
