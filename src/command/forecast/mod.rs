//! How long a gate of a step takes to reach a verdict: by arithmetic, without a response.
//!
//! The log-wealth of a bet at a time is a sum over responses, whose mean and variance follow from
//! traffic, shares and rates. The gate has a verdict when the wealth of a bet reaches its
//! threshold. Where the mean reaches it, about every second ramp has a verdict; where the mean
//! plus some standard deviations does, the fastest tenth has; where the mean minus some does, all
//! but the slowest tenth. The numbers of deviations are from simulation: because the wealth is
//! checked continuously, the fastest are faster than at a single check.
//!
//! For a rollback there are two tests: by what is each user's first in the step, and by what users
//! tell when they come again. The sooner one is predicted. Both collect evidence ever more slowly from
//! the same users, and with few users a verdict may never come. Of very many users only a sample
//! counts, since a step keeps a limited number of units.
//!
//! | file | concept |
//! |---|---|
//! | `step_traffic` | how many units and events a step has after a time |
//! | `evidence` | the log-wealth that follows |
//! | `duration_range` | a predicted duration with its spread |
//! | `duration_distribution` | its whole distribution, for the slowest of several gates and for sums |
//! | `verdict_forecast` | when a verdict comes, and in which share of ramps |
//!
//! Source: Wald's identity, *Sequential Analysis*, 1947, section 3.5, with the normal
//! approximation of the sum around it.

mod duration_distribution;
mod duration_range;
mod evidence;
mod step_traffic;
mod verdict_forecast;

use crate::analysis::metric::Comparison;
use crate::analysis::value_stats::MIN_UNITS_FOR_HARM;
use crate::analysis::wealth::BETS;
use crate::analysis::{AnalysisPlan, ByVersion, Gate};
use crate::simulate::Behaviour;

pub use duration_distribution::DurationDistribution;
pub use duration_range::DurationRange;
pub use step_traffic::StepTraffic;
pub use verdict_forecast::VerdictForecast;

use evidence::{LogWealths, RankComparison};
use verdict_forecast::{Deviations, VerdictTimes};

/// A gate in a step, and the traffic there.
#[derive(Clone, Copy)]
pub struct GateForecast<'a> {
    pub plan: &'a AnalysisPlan,
    pub gate: &'a Gate,
    /// The step, counted from 0.
    pub step: usize,
    pub traffic: &'a StepTraffic,
    /// The fraction of the variance of values' logarithms that the request explains.
    pub explained: f64,
    /// The longest time to consider, in seconds.
    pub max_s: f64,
}

/// The deviations until green is detected to be worse.
const HARM_DEVIATIONS: Deviations = [1.75, 0.25, -1.2];

/// The deviations until green is shown to be safe.
const NON_INFERIORITY_DEVIATIONS: Deviations = [1.0, 0.25, -1.1];

/// The ratio of one candidate time to the one before.
const TIME_RATIO: f64 = 1.01;

// === impl GateForecast ===

impl GateForecast<'_> {
    /// When the gate detects a green that behaves like this from the start of the step; `None` if the gate is not evaluated in this step.
    pub fn detection(&self, green: &Behaviour) -> Option<VerdictForecast> {
        let Self { plan, gate, traffic, .. } = self;
        let params = gate.steps().get(self.step)?;
        let green = &green.beyond_quantile(params.margin);
        let critical = plan.gates.iter().filter(|it| it.spec.is_critical).count().max(1);
        // Half of alpha is spent from the first step on; the later steps share the rest.
        let later_steps = plan.steps.len().saturating_sub(1);
        let starts = match (self.step, later_steps) {
            (_, 0) => 1,
            (0, _) => 2,
            (_, later) => 2 * later,
        };
        let threshold = ((BETS * critical * starts * self.sides()) as f64 / plan.alpha).ln();
        let delay_s = traffic.delay_s(gate.spec.metric);
        let time = |threshold, log_wealths: &dyn Fn(f64) -> LogWealths| {
            self.time_to_threshold(threshold, delay_s, HARM_DEVIATIONS, log_wealths)
        };
        let fractions = traffic.newly_exposed;
        let comparison = |seconds: f64| RankComparison {
            shift: (green.green / (1.0 + gate.spec.margin)).ln(),
            spread: self.compared_spread(green),
            fractions,
            green_values: traffic.units(fractions.green, seconds)
                * traffic.sampled_fraction(seconds),
        };
        let first = |seconds: f64| match green.is_rate() {
            true => evidence::harm_of_rate(params, green, traffic, seconds),
            false => evidence::of_ranks(comparison(seconds), seconds),
        };
        if !traffic.come_again() {
            return Some(time(threshold, &first));
        }
        // What is each unit's first and what units tell when they come again share alpha.
        let threshold = threshold + 2_f64.ln();
        let repeated = |seconds: f64| {
            if green.is_rate() {
                return evidence::repeated_harm_of_rate(params, green, traffic, seconds);
            }
            let after_warmup_s = (seconds - traffic.warmup_s).max(0.0);
            self.repeated_values(comparison(seconds), after_warmup_s)
        };
        Some(time(threshold, &first).earlier(time(threshold, &repeated)))
    }

    /// Evidence that green is worse, by the values of units that come again in these seconds after the
    /// warm-up: none before enough units of both versions have one.
    fn repeated_values(&self, of_first: RankComparison, after_warmup_s: f64) -> LogWealths {
        let fractions = self.compared_fractions(of_first.fractions);
        let units = |fraction| self.traffic.units(fraction, after_warmup_s);
        if units(fractions.blue).min(units(fractions.green)) < MIN_UNITS_FOR_HARM as f64 {
            return evidence::NONE;
        }
        let (green_values, effect) = self.traffic.repeated_values(fractions.green, after_warmup_s);
        let comparison = RankComparison { green_values, fractions, ..of_first };
        evidence::of_repeated_values(comparison, effect)
    }

    /// The fractions of users whose repeated values count: all that are exposed, or where the past of
    /// users adjusts them, the newly exposed ones.
    fn compared_fractions(&self, newly_exposed: ByVersion<f64>) -> ByVersion<f64> {
        let Self { plan, gate, traffic, .. } = self;
        match plan.learns_past_in_steps() && gate.spec.metric.is_adjustable() {
            true => newly_exposed,
            false => traffic.exposed,
        }
    }

    /// When a green that behaves like this passes the gate; `None` if the gate is not evaluated in
    /// this step.
    pub fn pass(&self, green: &Behaviour) -> Option<VerdictForecast> {
        let Self { plan, gate, traffic, .. } = self;
        let params = gate.steps().get(self.step)?;
        let green = &green.beyond_quantile(params.tolerance);
        let threshold = ((BETS * self.sides()) as f64 / plan.beta).ln();
        // Only answers that end after the warm-up count.
        let delay_s = traffic.delay_s(gate.spec.metric).map(|delay| delay.max(traffic.warmup_s));
        let time = |threshold, log_wealths: &dyn Fn(f64) -> LogWealths| {
            self.time_to_threshold(threshold, delay_s, NON_INFERIORITY_DEVIATIONS, log_wealths)
        };
        if !green.is_rate() {
            let fractions = self.compared_fractions(traffic.newly_exposed);
            let spread = self.compared_spread(green);
            let comparison = |seconds: f64| RankComparison {
                shift: ((1.0 + params.tolerance) / green.green).ln(),
                spread,
                fractions,
                green_values: traffic
                    .counted_after_warmup(seconds, |it| traffic.units(fractions.green, it)),
            };
            let log_wealths = |seconds: f64| evidence::of_ranks(comparison(seconds), seconds);
            if !traffic.counts_units() {
                return Some(time(threshold, &log_wealths));
            }
            // Units' first values and repeated ones share beta.
            let threshold = threshold + 2_f64.ln();
            let repeated = |seconds: f64| {
                let (green_values, effect) = traffic.repeated_values(fractions.green, seconds);
                let comparison = RankComparison { green_values, ..comparison(seconds) };
                evidence::of_repeated_values(comparison, effect)
            };
            return Some(time(threshold, &log_wealths).earlier(time(threshold, &repeated)));
        }
        let by_ratio =
            |seconds: f64| evidence::non_inferiority_of_rate(params, green, traffic, seconds);
        let Some(ceiling) = params.ceiling else { return Some(time(threshold, &by_ratio)) };
        // The ratio and the ceiling share beta.
        let threshold = threshold + 2_f64.ln();
        let by_ceiling = |seconds: f64| evidence::below_ceiling(ceiling, green, traffic, seconds);
        Some(time(threshold, &by_ratio).earlier(time(threshold, &by_ceiling)))
    }

    /// The standard deviation of the logarithm of the values that are compared: where the ramp adjusts
    /// them, without what the request and the past of users explain. Before blue has 400 values none
    /// is adjusted by its request, which is left out here.
    fn compared_spread(&self, green: &Behaviour) -> f64 {
        let adjusts = self.plan.adjusts && green.metric.is_adjustable();
        let rest = match adjusts {
            true => (1.0 - self.explained) * self.traffic.rest_of_variance(),
            false => 1.0,
        };
        green.spread * rest.sqrt()
    }

    /// The number of directions that are worse, which share alpha and beta.
    fn sides(&self) -> usize {
        if self.gate.spec.metric.comparison() == Comparison::Either { 2 } else { 1 }
    }

    /// When the log-wealth of a bet reaches the threshold; `delay_s` is added.
    fn time_to_threshold(
        &self,
        threshold: f64,
        delay_s: [f64; 3],
        deviations: Deviations,
        log_wealths: impl Fn(f64) -> LogWealths,
    ) -> VerdictForecast {
        let mut times = VerdictTimes::new(threshold, deviations);
        let mut seconds = 1.0;
        while seconds <= self.max_s && !times.are_complete() {
            times.add(seconds, &log_wealths(seconds));
            seconds *= TIME_RATIO;
        }
        times.forecast(delay_s, self.max_s)
    }
}
