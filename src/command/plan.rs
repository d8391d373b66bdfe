//! How long a ramp takes to tell, before it runs.

use std::fmt::Write as _;

use clap::Args;
use serde::Serialize;

use super::forecast::{self, DurationRange, StepTraffic};
use super::output::{CliError, DOUBTFUL, HEAD, Report, Table, count, percent, styled, time};
use super::scenario::GRAMMAR;
use super::traffic::{Assumed, TrafficArgs, about_left_out, ramp_of, without_feedback};
use crate::analysis::{Gate, Metric};
use crate::rollout::RampSpec;
use crate::simulate::{Behaviour, World};

/// Says how long each step of a ramp takes to tell, and who sees green meanwhile.
///
/// For each step and gate: after what time a green that is worse is found out, if it is
/// from the step's beginning on, and after what time one that is like blue is shown to be
/// safe. A green that is worse by the margin alone is never found out: the margin is what
/// it may be. So the regression that is planned for is twice the margin, unless
/// --regression says otherwise. Figures are medians, with the middle eight of ten ramps;
/// `verdigris simulate` measures them.
#[derive(Args)]
#[command(after_help = GRAMMAR)]
pub struct Plan {
    /// A plugin configuration, or Envoy's with one in it; - is the standard input.
    file: String,
    #[command(flatten)]
    traffic: TrafficArgs,
    /// By how much green is worse: +50%, or x3. Of every gate.
    #[arg(long, value_name = "HOW MUCH", value_parser = excess)]
    regression: Option<f64>,
    /// Blue's rate of errors, as --blue errors=… has it.
    #[arg(long, value_name = "RATE")]
    error_rate: Option<String>,
    /// Blue's rate of refusals.
    #[arg(long, value_name = "RATE")]
    refusal_rate: Option<String>,
}

/// A ramp before it runs.
#[derive(Serialize)]
pub struct Planned {
    rollout: String,
    traffic: Assumed,
    /// What gates and tripwires look at of feedback.
    left_out: Vec<Metric>,
    bake_s: f64,
    timeout_s: f64,
    steps: Vec<PlannedStep>,
    /// How long a green that is like blue takes through all steps.
    whole_s: DurationRange,
}

#[derive(Serialize)]
struct PlannedStep {
    step: usize,
    /// Green's share.
    share: f64,
    /// Whether green is compared with blue: not at 100 %.
    is_compared: bool,
    gates: Vec<PlannedGate>,
    /// How long a green that is like blue stays in it.
    lasts_s: DurationRange,
    /// Of that, at the median, or up to the timeout.
    green: SeesGreen,
}

#[derive(Serialize)]
struct PlannedGate {
    metric: Metric,
    is_critical: bool,
    /// By how much green may be worse.
    margin: f64,
    /// By how much it is taken to be worse; excess over 1.
    regression: f64,
    found_worse: DurationRange,
    /// Of the regression, until it is found out.
    worse_green: SeesGreen,
    /// By how much a green that passes may still be worse, with a chance of beta.
    tolerance: f64,
    shown_safe: DurationRange,
}

/// Who sees green meanwhile.
#[derive(Clone, Copy, Serialize)]
struct SeesGreen {
    requests: f64,
    /// `None` where each request comes from another user.
    users: Option<f64>,
}

// === impl Plan ===

impl Plan {
    pub fn run(mut self) -> Result<Planned, CliError> {
        let config = super::config_of(&self.file)?;
        let (ramp, left_out) = without_feedback(ramp_of(&self.file, &config)?)?;
        let ramp = &ramp;
        for (name, rate) in [("errors", &self.error_rate), ("refusals", &self.refusal_rate)] {
            if let Some(rate) = rate {
                self.traffic.say(&format!("{name}={rate}"))?;
            }
        }
        let world = self.traffic.world(ramp, &[])?;
        let times = 1.0 + self.regression.unwrap_or_default();
        if let Some(it) = world.behaviours.iter().find(|it| it.is_rate() && it.blue * times > 1.0) {
            let why = format!("--regression: {}: green's rate would be above 1", it.metric);
            return Err(CliError::Usage(why));
        }
        let of_conversations = config.conversation.is_some();
        let steps: Vec<_> =
            (0..ramp.steps.len()).map(|at| self.step(ramp, &world, of_conversations, at)).collect();
        let none = DurationRange { p10_s: Some(0.0), median_s: Some(0.0), p90_s: Some(0.0) };
        Ok(Planned {
            rollout: config.rollout.to_string(),
            traffic: Assumed::of(&world),
            left_out,
            bake_s: ramp.bake.as_secs_f64(),
            timeout_s: ramp.timeout.as_secs_f64(),
            whole_s: steps.iter().fold(none, |all, step| all.then(step.lasts_s)),
            steps,
        })
    }

    fn step(
        &self,
        ramp: &RampSpec,
        world: &World,
        of_conversations: bool,
        at: usize,
    ) -> PlannedStep {
        let shares: Vec<f64> = ramp.steps.iter().map(|step| step.share.fraction()).collect();
        let share = shares.get(at).copied().unwrap_or(1.0);
        let traffic = StepTraffic::of(&ramp.analysis, world, &shares, at, of_conversations);
        let (bake, timeout) = (ramp.bake.as_secs_f64(), ramp.timeout.as_secs_f64());
        let baked = DurationRange { p10_s: Some(bake), median_s: Some(bake), p90_s: Some(bake) };
        let Some(traffic) = traffic else {
            let none = DurationRange { p10_s: Some(0.0), median_s: Some(0.0), p90_s: Some(0.0) };
            let green = SeesGreen { requests: 0.0, users: None };
            let (gates, step) = (Vec::new(), at);
            return PlannedStep { step, share, is_compared: false, gates, lasts_s: none, green };
        };
        let sees = |seconds: Option<f64>| SeesGreen {
            requests: share * world.per_second * seconds.unwrap_or(timeout),
            users: Assumed::of(world)
                .users
                .map(|_| traffic.units(share, seconds.unwrap_or(timeout))),
        };
        let gate = |gate: &Gate| -> Option<PlannedGate> {
            let like_blue = world.behaviours.iter().find(|it| it.metric == gate.spec.metric)?;
            let like_blue = &Behaviour { green: 1.0, ..*like_blue };
            let regression = self.regression.unwrap_or(2.0 * gate.spec.margin);
            let worse = Behaviour { green: 1.0 + regression, ..*like_blue };
            let found_worse =
                forecast::worse(&ramp.analysis, (at, gate), &worse, &traffic, timeout)?;
            Some(PlannedGate {
                metric: gate.spec.metric,
                is_critical: gate.spec.is_critical,
                margin: gate.spec.margin,
                regression,
                found_worse,
                worse_green: sees(found_worse.median_s),
                tolerance: gate.steps().get(at)?.tolerance,
                shown_safe: forecast::safe(
                    &ramp.analysis,
                    (at, gate),
                    like_blue,
                    &traffic,
                    timeout,
                )?,
            })
        };
        let gates: Vec<_> = ramp.analysis.gates.iter().filter_map(gate).collect();
        let critical = gates.iter().filter(|it| it.is_critical);
        let lasts_s = critical.fold(baked, |all, it| all.later(it.shown_safe));
        let green = sees(lasts_s.median_s);
        PlannedStep { step: at, share, is_compared: true, gates, lasts_s, green }
    }
}

/// By how much green is worse, as the excess over 1.
fn excess(text: &str) -> Result<f64, String> {
    let times = match text.strip_prefix('x') {
        Some(times) => times.parse().ok(),
        None => {
            let percent = text.strip_prefix('+').and_then(|it| it.strip_suffix('%'));
            percent.and_then(|it| it.parse().ok()).map(|it: f64| 1.0 + it / 100.0)
        }
    };
    let excess = times.map(|it| it - 1.0).filter(|it| *it > 0.0 && *it <= 1000.0);
    excess.ok_or_else(|| "write by how much green is worse, such as +50% or x3".to_owned())
}

// === impl Interval ===

impl DurationRange {
    /// One after the other. What each takes more or less than its median has nothing to do
    /// with what the others do, so the squares add up.
    fn then(self, next: Self) -> Self {
        let median = |it: Self, next: Self| Some(it.median_s? + next.median_s?);
        let off = |from: Option<f64>, to: Option<f64>| Some(to? - from?);
        let both = |a: Option<f64>, b: Option<f64>| Some(a?.hypot(b?));
        let median_s = median(self, next);
        let sooner = both(off(self.p10_s, self.median_s), off(next.p10_s, next.median_s));
        let later = both(off(self.median_s, self.p90_s), off(next.median_s, next.p90_s));
        Self {
            p10_s: off(sooner, median_s),
            median_s,
            p90_s: later.zip(median_s).map(|(a, b)| a + b),
        }
    }

    fn text(self, most_s: f64) -> String {
        let or_most = |it: Option<f64>| it.map_or_else(|| format!("over {}", time(most_s)), time);
        match self.median_s {
            Some(median) => match self.p10_s {
                Some(p10) if Some(p10) != self.p90_s => {
                    format!("{} ({} to {})", time(median), time(p10), or_most(self.p90_s))
                }
                _ => time(median),
            },
            None => "not told".to_owned(),
        }
    }
}

// === impl Planned ===

impl Report for Planned {
    fn text(&self) -> String {
        let mut text = self.traffic.text();
        text.extend(about_left_out(&self.left_out));
        for step in &self.steps {
            let _ = writeln!(
                text,
                "\n{}",
                styled(HEAD, format!("Step {}: {} to green", step.step, percent(step.share)))
            );
            self.add_step(step, &mut text);
        }
        let _ = match self.whole_s.median_s {
            Some(_) => writeln!(
                text,
                "\nA green that is like blue is through after {}.",
                // Where one ramp of ten is later than is looked at, it is so in a single step.
                self.whole_s.text(self.timeout_s)
            ),
            None => writeln!(
                text,
                "\n{} at this traffic a green that is like blue is not through: a step holds until \
                 its timeout, {}, and on.",
                styled(DOUBTFUL, "Not told:"),
                time(self.timeout_s)
            ),
        };
        text
    }
}

impl Planned {
    fn add_step(&self, step: &PlannedStep, text: &mut String) {
        if !step.is_compared {
            let _ = writeln!(text, "  There is no blue to compare with: tripwires alone look.");
            return;
        }
        let mut table = Table::new(&[
            "gate",
            "worse by",
            "found out after",
            "requests to green",
            "safe to",
            "shown after",
        ]);
        for gate in &step.gates {
            let requests = match gate.found_worse.median_s {
                Some(_) => count(gate.worse_green.requests),
                None => "-".to_owned(),
            };
            let name = gate.metric.to_string();
            table.add([
                if gate.is_critical { name } else { format!("{name} (watched)") },
                format!("+{}", percent(gate.regression)),
                gate.found_worse.text(self.timeout_s),
                requests,
                format!("+{}", percent(gate.tolerance)),
                gate.shown_safe.text(self.timeout_s),
            ]);
        }
        let _ = write!(text, "{table}");
        let untold = |what: &str, is: &dyn Fn(&PlannedGate) -> bool| {
            let gates: Vec<_> =
                step.gates.iter().filter(|it| is(it)).map(|it| it.metric.as_str()).collect();
            (!gates.is_empty()).then(|| {
                format!(
                    "  {} within the timeout of {}, {what}: {}.\n",
                    styled(DOUBTFUL, "Not told"),
                    time(self.timeout_s),
                    gates.join(", ")
                )
            })
        };
        text.extend(untold("whether green is that much worse", &|it| {
            it.found_worse.median_s.is_none()
        }));
        text.extend(untold("that green is safe", &|it| {
            it.is_critical && it.shown_safe.median_s.is_none()
        }));
        let users = match step.green.users {
            Some(users) => format!(" of {} users", count(users)),
            None => String::new(),
        };
        let _ = match step.lasts_s.median_s {
            Some(_) => writeln!(
                text,
                "  A green that is like blue goes on after {}: {} requests{users} see it.",
                step.lasts_s.text(self.timeout_s),
                count(step.green.requests)
            ),
            None => writeln!(
                text,
                "  A green that is like blue is held: until the timeout {} requests{users} see it.",
                count(step.green.requests)
            ),
        };
    }
}
