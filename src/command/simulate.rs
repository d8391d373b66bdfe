//! The ramp of a configuration, a thousand times.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::output::{CliError, Report, Table, count, percent, time};
use super::scenario::{GRAMMAR, GreenBehaviour, of_green};
use super::traffic::{Assumed, TrafficArgs, about_left_out, ramp_of, without_feedback};
use crate::analysis::Metric;
use crate::simulate::{RunEnd, SimulatedRollout, SimulatedRun, in_parallel};

/// Walks the ramp of a configuration through synthetic traffic, many times.
///
/// Gates, tripwires, steps and times are those of the file, and the ramp's own machine
/// walks it, looking every second; a person who is asked approves at once. Tells how often
/// and how soon it is rolled back, promoted, or held, and how many requests green had.
#[derive(Args)]
#[command(after_help = GRAMMAR)]
pub struct Simulate {
    /// A plugin configuration, or Envoy's with one in it; - is the standard input.
    file: String,
    /// What green does, such as "errors=0.03 ttft=+30%"; else it is like blue.
    #[arg(long, value_name = "WHAT", default_value = "", hide_default_value = true, value_parser = of_green)]
    green: Green,
    #[command(flatten)]
    traffic: TrafficArgs,
    /// How many ramps.
    #[arg(long, value_name = "N", default_value = "1000", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    runs: u32,
    /// Another number gives other ramps, the same one the same.
    #[arg(long, value_name = "N", default_value = "0")]
    seed: u64,
    /// After how many hours in one step a ramp is given up as held; else after the ramp's
    /// timeout, and at most 4 unless it bakes for longer.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=8760))]
    hours: Option<u32>,
}

/// (As a `Vec` clap would take it for many arguments.)
type Green = Vec<GreenBehaviour>;

/// What the ramps came to.
#[derive(Serialize)]
pub struct Simulated {
    rollout: String,
    traffic: Assumed,
    /// What gates and tripwires look at of feedback.
    left_out: Vec<Metric>,
    runs: usize,
    seed: u64,
    /// After how many seconds in one step a ramp is given up as held.
    held_after_s: u64,
    rolled_back: Ended,
    promoted: Ended,
    held: Ended,
    /// How many were held in each step.
    held_in_steps: Vec<usize>,
}

/// Ramps that ended alike.
#[derive(Serialize)]
struct Ended {
    runs: usize,
    share: f64,
    /// The share's interval at 95 %, by Wilson's score.
    interval: [f64; 2],
    seconds: Option<Quantiles>,
    green_requests: Option<Quantiles>,
}

#[derive(Clone, Copy, Serialize)]
struct Quantiles {
    p10: u64,
    median: u64,
    p90: u64,
}

/// How long a step is simulated at most, unless more is asked for.
const MOST_S: u64 = 4 * 3600;

// === impl Simulate ===

impl Simulate {
    pub fn run(self) -> Result<Simulated, CliError> {
        let config = super::config_of(&self.file)?;
        let (ramp, left_out) = without_feedback(ramp_of(&self.file, &config)?)?;
        let ramp = &ramp;
        let world = self.traffic.world(ramp, &self.green)?;
        let traffic = Assumed::of(&world);
        let most_s = match self.hours {
            Some(hours) if u64::from(hours) * 3600 < ramp.bake.as_secs() => {
                let why =
                    "--hours: no step is over before its bake time: say no less than ramp.bake";
                return Err(CliError::Usage(why.to_owned()));
            }
            Some(hours) => u64::from(hours) * 3600,
            None => ramp.timeout.as_secs().min(MOST_S).max(ramp.bake.as_secs() + 1),
        };
        let release = SimulatedRollout::new(ramp, world, config.conversation.is_some(), most_s);
        let progress = progress(self.runs);
        let runs = in_parallel(self.runs.into(), |number| {
            // Far apart, so that two seeds share no ramp.
            let run =
                release.run(self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(number));
            progress.inc(1);
            run
        });
        progress.finish_and_clear();
        let of = |is: fn(RunEnd) -> bool| Ended::of(&runs, is);
        let mut held_in_steps = vec![0; ramp.steps.len()];
        for run in &runs {
            if let RunEnd::Held(step) = run.end
                && let Some(held) = held_in_steps.get_mut(step)
            {
                *held += 1;
            }
        }
        Ok(Simulated {
            rollout: config.rollout.to_string(),
            traffic,
            left_out,
            runs: runs.len(),
            seed: self.seed,
            held_after_s: most_s,
            rolled_back: of(|end| end == RunEnd::RolledBack),
            promoted: of(|end| end == RunEnd::Done),
            held: of(|end| matches!(end, RunEnd::Held(_))),
            held_in_steps,
        })
    }
}

/// A bar where a person looks on.
fn progress(runs: u32) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} ramps, {eta} left");
    let bar = ProgressBar::new(runs.into());
    style.map(|style| bar.clone().with_style(style)).unwrap_or(bar)
}

// === impl Ended ===

impl Ended {
    fn of(runs: &[SimulatedRun], is: impl Fn(RunEnd) -> bool) -> Self {
        let these = || runs.iter().filter(|run| is(run.end));
        let count = these().count();
        Self {
            runs: count,
            share: count as f64 / runs.len().max(1) as f64,
            interval: wilson(count, runs.len()),
            seconds: Quantiles::of(these().map(|run| run.seconds).collect()),
            green_requests: Quantiles::of(these().map(|run| run.green_requests).collect()),
        }
    }
}

/// The interval of a share at 95 %. Source: Wilson, *Probable inference*, JASA 1927.
fn wilson(count: usize, of: usize) -> [f64; 2] {
    const Z: f64 = 1.96;
    let (n, share) = (of.max(1) as f64, count as f64 / of.max(1) as f64);
    let middle = share + Z * Z / (2.0 * n);
    let half = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    // Rounding would leave a trace where the share is 0 or 1.
    let low = if count == 0 { 0.0 } else { (middle - half) / scale };
    let high = if count == of { 1.0 } else { (middle + half) / scale };
    [low, high]
}

// === impl Quantiles ===

impl Quantiles {
    fn of(mut all: Vec<u64>) -> Option<Self> {
        all.sort_unstable();
        let at = |quantile: f64| {
            let at = (quantile * all.len().saturating_sub(1) as f64).round() as usize;
            all.get(at).copied()
        };
        Some(Self { p10: at(0.1)?, median: at(0.5)?, p90: at(0.9)? })
    }

    fn text(self, show: impl Fn(f64) -> String) -> String {
        let Self { p10, median, p90 } = self;
        format!("{} ({} to {})", show(median as f64), show(p10 as f64), show(p90 as f64))
    }
}

// === impl Simulated ===

impl Report for Simulated {
    fn text(&self) -> String {
        let mut text = self.traffic.text();
        let differs = self.traffic.metrics.iter().filter(|it| it.green_times != 1.0);
        let differs: Vec<_> =
            differs.map(|it| format!("{} ×{:.3}", it.metric, it.green_times)).collect();
        let green = if differs.is_empty() { "like blue".to_owned() } else { differs.join(", ") };
        text.extend(about_left_out(&self.left_out));
        let _ = writeln!(text, "green: {green}\n");
        let mut table =
            Table::new(&["", "of ramps", "95 % interval", "after", "requests to green"]);
        for (name, ended) in
            [("rolled back", &self.rolled_back), ("promoted", &self.promoted), ("held", &self.held)]
        {
            let [low, high] = ended.interval;
            let interval = format!("{} to {}", percent(round(low)), percent(round(high)));
            let dash = || "-".to_owned();
            table.add([
                name.to_owned(),
                percent(round(ended.share)),
                interval,
                ended.seconds.map_or_else(dash, |it| it.text(time)),
                ended.green_requests.map_or_else(dash, |it| it.text(count)),
            ]);
        }
        let _ = write!(text, "{table}");
        let _ = writeln!(
            text,
            "\n{} ramps, seed {}. Times and requests are medians, with the middle eight of ten. \
             Held: {} in one step.",
            count(self.runs as f64),
            self.seed,
            time(self.held_after_s as f64)
        );
        let held = self.held_in_steps.iter().enumerate().filter(|(_, runs)| **runs > 0);
        let held: Vec<_> = held.map(|(step, runs)| format!("{runs} in step {step}")).collect();
        if !held.is_empty() {
            let _ = writeln!(text, "Held where: {}.", held.join(", "));
        }
        text
    }
}

/// A share to a tenth of a percent.
fn round(share: f64) -> f64 {
    (share * 1000.0).round() / 1000.0
}
