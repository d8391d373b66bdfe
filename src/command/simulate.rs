//! `verdigris simulate`: the ramp of a configuration on synthetic traffic, many times.

use std::fmt::Write as _;

use clap::Args;
use serde::Serialize;

use super::load;
use super::numbers::{index, whole_number};
use super::output::{CliError, Report, TextTable, count, percent, time};
use super::progress::Progress;
use super::scenario::{GRAMMAR, GreenBehaviour, parse_green};
use super::traffic::{Assumptions, TrafficArgs, left_out_line, ramp_of, without_feedback};
use crate::analysis::Metric;
use crate::rollout::RampSpec;
use crate::simulate::{RunEnd, SimulatedRollout, SimulatedRun, in_parallel};

/// Runs the ramp of a configuration on synthetic traffic, many times.
///
/// Gates, tripwires, steps and times are those of the file. The filter's own ramp controller
/// decides every second; steps that need approval are approved immediately. Reports how often
/// and how soon the ramp is rolled back, promoted or held, and how many requests green had.
#[derive(Args)]
#[command(after_help = GRAMMAR)]
pub struct SimulateArgs {
    /// A plugin configuration, or an Envoy configuration with one in it; - is the standard input.
    file: String,
    /// Green's behaviour, such as "errors=0.03 ttft=+30%"; by default it is like blue's.
    #[arg(long, value_name = "BEHAVIOUR", default_value = "", hide_default_value = true, value_parser = parse_green)]
    green: ParsedGreen,
    #[command(flatten)]
    traffic: TrafficArgs,
    /// How many ramps to simulate.
    #[arg(long, value_name = "N", default_value = "1000", value_parser = whole_number::<u32>(1..=1_000_000), allow_negative_numbers = true)]
    runs: u32,
    /// The fraction of the variance of times, tokens and cost that both versions' responses to a request
    /// share, from 0 to 1: for a shadow step.
    #[arg(long, value_name = "FRACTION", default_value = "0.5", value_parser = fraction, allow_negative_numbers = true)]
    shared: f64,
    /// The seed: the same seed gives the same ramps.
    #[arg(long, value_name = "N", default_value = "0", value_parser = index::<u64>(), allow_negative_numbers = true)]
    seed: u64,
    /// After how many hours in one step a ramp counts as held. The default is the ramp's
    /// timeout, but at most 4, or twice the bake time if that is longer.
    #[arg(long, value_name = "N", value_parser = whole_number::<u32>(1..=8760), allow_negative_numbers = true)]
    hours: Option<u32>,
}

/// A list parsed from one argument. (clap would take a plain `Vec` for repeated arguments.)
type ParsedGreen = Vec<GreenBehaviour>;

/// The results of all ramps.
#[derive(Serialize)]
pub struct Simulated {
    rollout: String,
    traffic: Assumptions,
    /// The metrics of gates and tripwires on feedback, which are not simulated.
    left_out: Vec<Metric>,
    runs: usize,
    seed: u64,
    /// After how many seconds in one step a ramp counts as held.
    held_after_s: u64,
    rolled_back: EndedRuns,
    promoted: EndedRuns,
    held: EndedRuns,
    /// How many ramps were held in each step.
    held_in_steps: Vec<usize>,
    /// How many ramps ended in the shadow step; `None` if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    in_shadow_step: Option<EndedInShadow>,
}

/// The ramps that ended in the shadow step. No user of theirs was on green.
#[derive(Clone, Copy, Serialize)]
struct EndedInShadow {
    rolled_back: usize,
    held: usize,
}

/// The ramps with the same end.
#[derive(Serialize)]
struct EndedRuns {
    runs: usize,
    /// Their share of all ramps.
    share: f64,
    /// The 95 % confidence interval of the share.
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

/// The default of the longest time in a step, in seconds.
const DEFAULT_MAX_S: u64 = 4 * 3600;

// === impl SimulateArgs ===

impl SimulateArgs {
    /// Simulates the ramp of the file.
    ///
    /// # Errors
    /// The file has no valid ramp, or the options contradict it.
    pub fn run(self) -> Result<Simulated, CliError> {
        let config = load::config(&self.file)?;
        let (ramp, left_out) = without_feedback(&config, ramp_of(&self.file, &config)?)?;
        let world = self.traffic.simulated_world(&ramp, &self.green)?;
        let world = self.traffic.with_judge(&config, world);
        let traffic = Assumptions::from_world(&world);
        let held_after_s = self.held_after_s(&ramp)?;
        let rollout =
            SimulatedRollout::new(&ramp, world, config.conversation.is_some(), held_after_s)
                .with_shared_variance(self.shared);
        let progress = Progress::new(self.runs);
        let runs = in_parallel(self.runs.into(), |number| {
            // A large stride, so that the ramps of two seeds do not overlap.
            let run =
                rollout.run(self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(number));
            progress.add_run();
            run
        });
        progress.finish();
        let ended = |is: fn(RunEnd) -> bool| EndedRuns::new(&runs, is);
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
            held_after_s,
            rolled_back: ended(|end| end == RunEnd::RolledBack),
            promoted: ended(|end| end == RunEnd::Done),
            held: ended(|end| matches!(end, RunEnd::Held(_) | RunEnd::HeldInShadow)),
            held_in_steps,
            in_shadow_step: ramp.shadow.map(|_| EndedInShadow::new(&runs)),
        })
    }

    fn held_after_s(&self, ramp: &RampSpec) -> Result<u64, CliError> {
        match self.hours {
            Some(hours) if u64::from(hours) * 3600 < ramp.bake.as_secs() => {
                let why = "--hours: no step ends before its bake time: use at least ramp.bake";
                Err(CliError::Usage(why.to_owned()))
            }
            Some(hours) => Ok(u64::from(hours) * 3600),
            None => {
                let bake_s = ramp.bake.as_secs();
                let max_s = DEFAULT_MAX_S.max(bake_s.saturating_mul(2));
                Ok(ramp.timeout.as_secs().min(max_s).max(bake_s + 1))
            }
        }
    }
}

/// A fraction from 0 to 1.
fn fraction(text: &str) -> Result<f64, String> {
    let fraction = text.parse().ok().filter(|it: &f64| (0.0..=1.0).contains(it));
    fraction.ok_or_else(|| "write a number from 0 to 1, such as 0.5".to_owned())
}

// === impl EndedInShadow ===

impl EndedInShadow {
    fn new(runs: &[SimulatedRun]) -> Self {
        let without_users = runs.iter().filter(|run| run.green_requests == 0);
        let rolled_back = without_users.filter(|run| run.end == RunEnd::RolledBack).count();
        let held = runs.iter().filter(|run| run.end == RunEnd::HeldInShadow).count();
        Self { rolled_back, held }
    }
}

// === impl EndedRuns ===

impl EndedRuns {
    fn new(runs: &[SimulatedRun], is: impl Fn(RunEnd) -> bool) -> Self {
        let these = || runs.iter().filter(|run| is(run.end));
        let count = these().count();
        Self {
            runs: count,
            share: count as f64 / runs.len().max(1) as f64,
            interval: wilson_interval(count, runs.len()),
            seconds: Quantiles::from_values(these().map(|run| run.seconds).collect()),
            green_requests: Quantiles::from_values(these().map(|run| run.green_requests).collect()),
        }
    }
}

/// Wilson's 95 % confidence interval of `count / total`.
///
/// Source: Wilson, *Probable inference*, JASA 1927.
fn wilson_interval(count: usize, total: usize) -> [f64; 2] {
    const Z: f64 = 1.96;
    let (n, share) = (total.max(1) as f64, count as f64 / total.max(1) as f64);
    let middle = share + Z * Z / (2.0 * n);
    let half = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    // Exact, where rounding would leave a difference from 0 or 1.
    let low = if count == 0 { 0.0 } else { (middle - half) / scale };
    let high = if count == total { 1.0 } else { (middle + half) / scale };
    [low, high]
}

// === impl Quantiles ===

impl Quantiles {
    /// The quantiles of these values; `None` if there are none.
    fn from_values(mut all: Vec<u64>) -> Option<Self> {
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
        let changed = self.traffic.metrics.iter().filter(|it| it.green_times != 1.0);
        let changed: Vec<_> =
            changed.map(|it| format!("{} ×{:.3}", it.metric, it.green_times)).collect();
        let green = if changed.is_empty() { "like blue".to_owned() } else { changed.join(", ") };
        text.extend(left_out_line(&self.left_out));
        let _ = writeln!(text, "green: {green}\n");
        let mut table =
            TextTable::new(&["", "of ramps", "95 % interval", "after", "requests to green"]);
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
            "\n{} ramps, seed {}. Times and requests are medians, with the range of eight in ten \
             ramps. Held: {} in one step.",
            count(self.runs as f64),
            self.seed,
            time(self.held_after_s as f64)
        );
        let held = self.held_in_steps.iter().enumerate().filter(|(_, runs)| **runs > 0);
        let held: Vec<_> = held.map(|(step, runs)| format!("{runs} in step {step}")).collect();
        if !held.is_empty() {
            let _ = writeln!(text, "Held ramps by step: {}.", held.join(", "));
        }
        if let Some(EndedInShadow { rolled_back, held }) = self.in_shadow_step {
            let _ = writeln!(
                text,
                "In the shadow step, without a user on green: {rolled_back} rolled back, {held} held."
            );
        }
        text
    }
}

/// A share rounded to a tenth of a percent.
fn round(share: f64) -> f64 {
    (share * 1000.0).round() / 1000.0
}
