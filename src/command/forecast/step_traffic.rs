//! The traffic of a step, as far as evidence depends on it.

use crate::analysis::period::{MAX_VALUES, PERIOD_NS};
use crate::analysis::{AnalysisPlan, AnalysisUnit, ByVersion, Metric};
use crate::command::traffic::EVENT_SHAPE;
use crate::simulate::behaviour::VARIANCE_BETWEEN_USERS;
use crate::simulate::{Users, World};

/// The traffic of a step. Fractions are of all users, from 0 to 1.
#[derive(Clone, Copy, Debug)]
pub struct StepTraffic {
    /// Requests per second of both versions.
    pub per_second: f64,
    /// The number of users; `None` if each request comes from another user.
    users: Option<f64>,
    /// How many units the analysis keeps in a step; `None` if it counts every request.
    max_units: Option<f64>,
    /// The fractions that are compared and were on blue before the step.
    pub newly_exposed: ByVersion<f64>,
    /// The fractions that are compared.
    pub exposed: ByVersion<f64>,
    /// The median duration of an answer, in seconds. An answer counts when it ends.
    answer_s: f64,
    /// The 95 % quantile of the duration of an answer, in seconds.
    slow_answer_s: f64,
    /// The fraction of the variance between users that their past does not explain, from 0 to 1.
    unexplained_between: f64,
    /// The warm-up of a step, in seconds: answers that end earlier do not count for advancing.
    pub warmup_s: f64,
    /// For how long the times of responses do not count, in seconds.
    cold_start_s: f64,
}

/// The variance of values within users as a multiple of the one between them.
const WITHIN_TO_BETWEEN: f64 = (1.0 - VARIANCE_BETWEEN_USERS) / VARIANCE_BETWEEN_USERS;

/// The normal distribution's quantile of 95 %.
const Z_95: f64 = 1.645;

// === impl StepTraffic ===

impl StepTraffic {
    /// The traffic of step `step` of a ramp with these shares of green, from 0 to 1. `None` for a
    /// step that is not compared, such as the one with all traffic on green. The past of users is that
    /// of `baseline_s` seconds; what they show in earlier steps is left out.
    pub fn new(
        plan: &AnalysisPlan,
        world: &World,
        shares: &[f64],
        step: usize,
        by_conversation: bool,
        baseline_s: f64,
    ) -> Option<Self> {
        let duration = world.behaviours.iter().find(|it| it.metric == Metric::Duration)?;
        let slow = (Z_95 * duration.spread).exp();
        let (share, design) = (*shares.get(step)?, plan.steps.get(step)?);
        let share_before = match step.checked_sub(1).and_then(|it| shares.get(it)) {
            Some(before) if !by_conversation => *before,
            _ => 0.0,
        };
        // `probability` is green's fraction of the units that are compared.
        let split = |green: f64, probability: f64| ByVersion {
            blue: green * (1.0 - probability) / probability,
            green,
        };
        let users = match world.users {
            Users::Sticky { count, .. } if plan.unit == AnalysisUnit::Units => Some(count as f64),
            _ => None,
        };
        let unexplained_between = match users {
            Some(users) if plan.adjusts => {
                let requests = world.per_second * baseline_s / users;
                mean_over_users(|activity| 1.0 / (1.0 + requests * activity / WITHIN_TO_BETWEEN))
            }
            _ => 1.0,
        };
        Some(Self {
            per_second: world.per_second,
            users,
            unexplained_between,
            max_units: (plan.unit == AnalysisUnit::Units).then_some(plan.max_units as f64),
            newly_exposed: split(share - share_before, design.new_units.get()),
            exposed: split(share, design.all_units.get()),
            answer_s: duration.blue / 1e3,
            slow_answer_s: slow * duration.blue / 1e3,
            warmup_s: plan.warmup_ns as f64 / 1e9,
            cold_start_s: plan.cold_start_ns as f64 / 1e9,
        })
    }

    /// The delay in seconds between a request and its evidence on a metric, at the quantiles of
    /// 10, 50 and 90 %. The duration is known late for slow answers, which carry the evidence;
    /// the multiples are from simulation.
    pub(super) fn delay_s(&self, metric: Metric) -> [f64; 3] {
        let delay_s = match metric {
            Metric::Duration => [1.0, 2.0, 3.0].map(|times| times * self.slow_answer_s),
            // Open responses count at the objective.
            Metric::SlowRate => [self.slow_answer_s; 3],
            _ if metric.quantile().is_some_and(|it| it.time == Metric::Duration) => {
                [self.slow_answer_s; 3]
            }
            _ => [self.answer_s; 3],
        };
        let from_s = match metric {
            _ if metric.is_of_time() => self.cold_start_s,
            _ if metric.is_of_size() => self.warmup_s,
            _ => 0.0,
        };
        delay_s.map(|delay_s| delay_s.max(from_s))
    }

    /// How many units of this fraction of all users have had a response after `seconds`.
    pub fn units(&self, fraction: f64, seconds: f64) -> f64 {
        match self.users {
            None => fraction * self.per_second * seconds,
            Some(users) => {
                let requests = self.per_second * seconds / users;
                fraction * users * mean_over_users(|activity| 1.0 - (-requests * activity).exp())
            }
        }
    }

    /// How many units of this fraction of all users have had a bad response after `seconds`, at
    /// this rate of bad responses.
    pub fn units_with_event(&self, fraction: f64, rate: f64, seconds: f64) -> f64 {
        match self.users {
            None => fraction * self.per_second * seconds * rate,
            Some(users) => {
                let events = self.per_second * seconds / users * rate;
                // For users whose rates are gamma distributed.
                let has_event = |activity: f64| {
                    1.0 - (1.0 + events * activity / EVENT_SHAPE).powf(-EVENT_SHAPE)
                };
                fraction * users * mean_over_users(has_event)
            }
        }
    }

    /// The fraction of the units until `seconds` that has counted. Of `n` units that came one
    /// after the other, the analysis keeps the `max_units` with the lowest hashes, so that the
    /// next one counts with a probability of `max_units / n`.
    pub(super) fn sampled_fraction(&self, seconds: f64) -> f64 {
        match self.fill_ratio(seconds) {
            ratio if ratio > 1.0 => (1.0 + ratio.ln()) / ratio,
            _ => 1.0,
        }
    }

    /// The number of units until `seconds`, as a multiple of the number that is kept.
    fn fill_ratio(&self, seconds: f64) -> f64 {
        let Some(max_units) = self.max_units else { return 0.0 };
        self.units(self.exposed.blue + self.exposed.green, seconds) / max_units
    }

    /// How much of `total`, a sum that grows with time, counts in `seconds` after the warm-up.
    pub(super) fn counted_after_warmup(&self, seconds: f64, total: impl Fn(f64) -> f64) -> f64 {
        let (start, end) = (self.warmup_s, self.warmup_s + seconds);
        match self.users {
            None => {
                total(end) * self.sampled_fraction(end)
                    - total(start) * self.sampled_fraction(start)
            }
            // A unit that is kept continues to count.
            Some(_) => total(seconds) / self.fill_ratio(end).max(1.0),
        }
    }

    /// Whether units count, and not requests.
    pub(super) fn counts_units(&self) -> bool {
        self.max_units.is_some()
    }

    /// How many values of the units of this fraction of all users count in `seconds` after the
    /// warm-up, at most [`MAX_VALUES`] of a unit in a period; and their design effect. Half of the
    /// variance of values is between users.
    pub(super) fn repeated_values(&self, fraction: f64, seconds: f64) -> (f64, f64) {
        let Some(users) = self.users else {
            return (self.counted_after_warmup(seconds, |it| self.units(fraction, it)), 1.0);
        };
        let (periods, in_period_s) = periods(seconds);
        let requests = self.per_second * in_period_s / users;
        // The means of the count and of its square in a period, for a Poisson number of requests.
        let count = |activity: f64| {
            let expected = requests * activity;
            let (none, one) = ((-expected).exp(), expected * (-expected).exp());
            (one + MAX_VALUES as f64 * (1.0 - none - one)) * periods
        };
        let mean = mean_over_users(count);
        let of_same_user = mean_over_users(|activity| count(activity).powi(2)) / mean;
        let sampled = 1.0 / self.fill_ratio(self.warmup_s + seconds).max(1.0);
        let between = VARIANCE_BETWEEN_USERS * self.unexplained_between / self.rest_of_variance();
        let design_effect = 1.0 + between * (of_same_user - 1.0).max(0.0);
        (fraction * users * mean * sampled, design_effect)
    }

    /// How many bad responses of the units of this fraction of all users count in `seconds` for the test of
    /// harm, one of a unit in a period; and their design effect.
    pub(super) fn repeated_events(&self, fraction: f64, rate: f64, seconds: f64) -> (f64, f64) {
        let (periods, in_period_s) = periods(seconds);
        let events = self.units_with_event(fraction, rate, in_period_s) * periods;
        let units = self.units_with_event(fraction, rate, seconds);
        let sampled = 1.0 / self.fill_ratio(in_period_s).max(1.0);
        // The events of a unit come together.
        (events * sampled, (events / units).max(1.0))
    }

    /// Whether units come again. Otherwise each request comes from a new unit.
    pub(super) fn come_again(&self) -> bool {
        self.users.is_some()
    }

    /// The fraction of the variance of values that the past of users does not explain.
    pub(super) fn rest_of_variance(&self) -> f64 {
        1.0 - VARIANCE_BETWEEN_USERS * (1.0 - self.unexplained_between)
    }

    /// The design effect of repeated requests: a cluster of `n` requests has a variance that is
    /// larger by `n·rate·variance`, with the mean of `n` over requests.
    pub(super) fn design_effect(&self, rate: f64, seconds: f64) -> f64 {
        let Some(users) = self.users else { return 1.0 };
        let requests = self.per_second * seconds / users;
        let variance = 1.0 / EVENT_SHAPE;
        1.0 + rate * variance * requests * mean_over_users(|activity| activity * activity)
    }
}

/// How many periods these seconds are, at least 1, and how many seconds each of them has.
fn periods(seconds: f64) -> (f64, f64) {
    let period_s = PERIOD_NS as f64 / 1e9;
    ((seconds / period_s).max(1.0), seconds.min(period_s))
}

/// The mean over users, whose activity is log-normal with a standard deviation of 1 and a mean
/// of 1. By the midpoint rule over ±4 standard deviations.
fn mean_over_users(of_activity: impl Fn(f64) -> f64) -> f64 {
    const PARTS: usize = 64;
    const REACH: f64 = 4.0;
    let width = 2.0 * REACH / PARTS as f64;
    let midpoints = (0..PARTS).map(|at| (at as f64 + 0.5) * width - REACH);
    let (sum, weights) = midpoints.fold((0.0, 0.0), |(sum, weights), z| {
        let weight = (-z * z / 2.0).exp();
        (sum + weight * of_activity((z - 0.5).exp()), weights + weight)
    });
    sum / weights
}
