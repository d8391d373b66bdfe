//! `verdigris plan`: how long a ramp takes to reach its verdicts, before it runs.
//!
//! | file | concept |
//! |---|---|
//! | `inputs` | a ramp and the traffic that it is planned for |
//! | `influence` | how many units a client needs to force a verdict |
//! | `needed` | the traffic that a ramp needs |
//! | `shadow` | the plan of a shadow step |
//! | `planned`, `advice` | the plan as text and JSON, and what to do about it |

mod advice;
mod influence;
mod inputs;
mod needed;
mod planned;
mod shadow;

use clap::Args;

use super::forecast::{DurationDistribution, GateForecast};
use super::load;
use super::output::CliError;
use super::scenario::GRAMMAR;
use super::traffic::{Assumptions, TrafficArgs, ramp_of, without_feedback};
use crate::analysis::{Gate, Metric};
use crate::rollout::RampProfile;
use crate::simulate::{Behaviour, World};
use influence::StepInfluence;
use inputs::{PlanInputs, like_blue};
use needed::NeededTraffic;
use planned::{GreenExposure, Planned, PlannedGate, PlannedStep};
use shadow::PlannedShadowStep;

/// Predicts how long each step of a ramp takes, and how much traffic green gets meanwhile.
///
/// For each step and gate: how long it takes to detect a green that is worse from the start of
/// the step, and how long it takes to show that a green like blue is safe. A green that is worse
/// by exactly the margin is never detected, since the margin is allowed. So the plan is for a
/// regression of twice the margin, unless --regression is given. Figures are medians, with the
/// range of eight in ten ramps in brackets; `verdigris simulate` measures them.
#[derive(Args)]
#[command(after_help = GRAMMAR)]
pub struct PlanArgs {
    /// A plugin configuration, or an Envoy configuration with one in it; - is the standard input.
    file: String,
    #[command(flatten)]
    traffic: TrafficArgs,
    /// How much worse green is, for every gate: +50%, or x3.
    #[arg(long, value_name = "HOW MUCH", value_parser = excess, allow_hyphen_values = true)]
    regression: Option<f64>,
    /// Blue's rate of errors, in the format of --blue errors=…
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    error_rate: Option<String>,
    /// Blue's rate of refusals, in the same format.
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    refusal_rate: Option<String>,
}

// === impl PlanArgs ===

impl PlanArgs {
    /// Plans the ramp of the file.
    ///
    /// # Errors
    /// The file has no valid ramp, or the traffic options contradict it.
    pub fn run(mut self) -> Result<Planned, CliError> {
        let config = load::config(&self.file)?;
        let (ramp, left_out) = without_feedback(&config, ramp_of(&self.file, &config)?)?;
        for (option, metric, rate) in [
            ("--error-rate", Metric::ErrorRate, &self.error_rate),
            ("--refusal-rate", Metric::RefusalRate, &self.refusal_rate),
        ] {
            if let Some(rate) = rate {
                self.traffic.add_rate(option, metric, rate)?;
            }
        }
        let world = self.traffic.world(&ramp, &[])?;
        let world = self.traffic.with_judge(&config, world);
        let times = 1.0 + self.regression.unwrap_or_default();
        if let Some(it) = world.behaviours.iter().find(|it| it.is_rate() && it.blue * times > 1.0) {
            let why = format!("--regression: {}: green's rate would be above 1", it.metric);
            return Err(CliError::Usage(why));
        }
        let by_conversation = config.conversation.is_some();
        let inputs = PlanInputs { ramp: &ramp, world: &world, by_conversation };
        let shadow_step = PlannedShadowStep::new(&ramp, &world, self.traffic.judged_pairs(&config));
        let steps: Vec<_> = (0..ramp.steps.len()).map(|step| self.step(&inputs, step)).collect();
        let goes_on = shadow_step.as_ref().map_or(1.0, |it| it.goes_on);
        let completes = steps.iter().map(|it| it.advances).product::<f64>() * goes_on;
        let baseline = DurationDistribution::exactly(ramp.baseline.as_secs_f64());
        let all = shadow_step.iter().map(|it| &it.lasts).chain(steps.iter().map(|it| &it.lasts));
        let whole = all.fold(baseline, |sum, it| sum.then(it));
        let traffic = Assumptions::from_world(&world);
        Ok(Planned {
            rollout: config.rollout.to_string(),
            file: self.file,
            arguments: self.traffic.arguments(),
            recommended_profile: RampProfile::for_traffic(
                traffic.users.map(f64::from),
                traffic.requests_per_second,
            ),
            needed: NeededTraffic::new(&inputs),
            traffic,
            left_out,
            baseline_s: ramp.baseline.as_secs_f64(),
            bake_s: ramp.bake.as_secs_f64(),
            timeout_s: ramp.timeout.as_secs_f64(),
            completes,
            whole_s: whole.range().in_share(completes),
            steps,
            shadow_step,
        })
    }

    fn step(&self, inputs: &PlanInputs<'_>, step: usize) -> PlannedStep {
        let PlanInputs { ramp, world, .. } = inputs;
        let share = ramp.steps.get(step).map_or(1.0, |it| it.share.fraction());
        let Some(traffic) = inputs.traffic(step) else {
            return PlannedStep::without_comparison(step, share);
        };
        let timeout_s = ramp.timeout.as_secs_f64();
        let exposure = |seconds: Option<f64>| {
            let seconds = seconds.unwrap_or(timeout_s);
            GreenExposure {
                requests: share * world.per_second * seconds,
                users: Assumptions::from_world(world).users.map(|_| traffic.units(share, seconds)),
            }
        };
        let gate = |gate: &Gate| self.gate(&inputs.forecast(gate, step, &traffic), world, exposure);
        let gates: Vec<_> = ramp.analysis.gates.iter().filter_map(gate).collect();
        let baked = DurationDistribution::exactly(ramp.bake.as_secs_f64());
        let critical = || gates.iter().filter(|it| it.is_critical);
        let advances = critical().map(|it| it.passes).product();
        let lasts = critical().fold(baked, |all, it| all.later(&it.safe_after));
        let lasts_s = lasts.range().in_share(advances);
        let green = exposure(lasts_s.median_s);
        let influence = StepInfluence::new(inputs, step);
        PlannedStep {
            step,
            share,
            is_compared: true,
            gates,
            lasts_s,
            lasts,
            advances,
            green,
            influence,
        }
    }

    fn gate(
        &self,
        forecast: &GateForecast<'_>,
        world: &World,
        exposure: impl Fn(Option<f64>) -> GreenExposure,
    ) -> Option<PlannedGate> {
        let spec = &forecast.gate.spec;
        if spec.metric.is_of_pairs() {
            return None;
        }
        let behaviour = world.behaviours.iter().find(|it| it.metric == spec.metric)?;
        let regression = self.regression.unwrap_or(2.0 * spec.margin);
        let worse = Behaviour { green: 1.0 + regression, ..*behaviour };
        let found_worse = forecast.detection(&worse)?.after;
        let pass = forecast.pass(&like_blue(behaviour))?;
        Some(PlannedGate {
            metric: spec.metric,
            is_critical: spec.is_critical,
            margin: spec.margin,
            regression,
            found_worse,
            worse_green: exposure(found_worse.median_s),
            tolerance: forecast.gate.steps().get(forecast.step)?.tolerance,
            shown_safe: pass.after,
            safe_after: pass.distribution,
            passes: pass.share,
        })
    }
}

/// Parses how much worse green is, as the excess over 1.
fn excess(text: &str) -> Result<f64, String> {
    let times = match text.strip_prefix('x') {
        Some(times) => times.parse().ok(),
        None => {
            let percent = text.strip_prefix('+').and_then(|it| it.strip_suffix('%'));
            percent.and_then(|it| it.parse().ok()).map(|it: f64| 1.0 + it / 100.0)
        }
    };
    let excess = times.map(|it| it - 1.0).filter(|it| *it > 0.0 && *it <= 1000.0);
    excess.ok_or_else(|| "write how much worse green is, such as +50% or x3".to_owned())
}
