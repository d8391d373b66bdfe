//! The sums of one gate in one step.

use serde::{Deserialize, Serialize};

use super::by_version::ByVersion;
use super::known_fraction::CoverageLevel;
use super::metric::Metric;
use super::moments::Moments;
use super::observation::Observation;
use super::plan::{GateSpec, GateStepParams};
use super::rate_stats::RateStats;
use super::unit_flags::FirstResponse;
use super::value_stats::ValueStats;
use super::wealth::Wealth;
use crate::assignment::Version;

/// The sums of one gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateStats {
    /// The gate compares a rate, or a quantile by a rate.
    Rate(Box<RateStats>),
    /// The gate compares values.
    Values(Box<ValueStats>),
}

// === impl GateStats ===

impl GateStats {
    /// Empty sums for a gate on this metric.
    pub fn for_metric(metric: Metric) -> Self {
        match metric.comparison().counts_events() {
            true => Self::Rate(Box::default()),
            false => Self::Values(Box::default()),
        }
    }

    /// Adds a response.
    pub(super) fn add(
        &mut self,
        gate: &GateSpec,
        params: &GateStepParams,
        observation: &Observation,
        first: FirstResponse,
    ) {
        match self {
            Self::Rate(stats) => stats.add(gate.metric, observation, first),
            Self::Values(stats) => stats.add(gate, params, observation, first),
        }
    }

    /// Ends a tick.
    pub(super) fn end_tick(&mut self, gate: &GateSpec, params: &GateStepParams) {
        if let Self::Values(stats) = self {
            stats.end_tick(gate, params);
        }
    }

    /// The wealth of the bets against "green is not worse", one for each direction; empty before
    /// the first bet on values.
    pub(super) fn harm_wealth(&self, params: &GateStepParams) -> Vec<Wealth> {
        match self {
            Self::Rate(stats) => vec![stats.harm_wealth(params)],
            Self::Values(stats) => stats.harm_wealth().to_vec(),
        }
    }

    /// At which coverage a rate's bad response counts now for the test of harm; `None` where it
    /// does not count.
    pub(super) fn level_for_harm(&self) -> Option<CoverageLevel> {
        match self {
            Self::Rate(stats) => stats.level_for_harm(),
            Self::Values(_) => None,
        }
    }

    /// Whether a bad response, or a value, counts now for the test of harm.
    pub(super) fn counts_harm(&self) -> bool {
        match self {
            Self::Rate(stats) => stats.level_for_harm().is_some(),
            Self::Values(_) => true,
        }
    }

    /// Adds the first bad response of a unit in a period; nothing for values.
    pub(super) fn add_repeated_event(&mut self, version: Version, unit: u64) {
        if let Self::Rate(stats) = self {
            stats.add_repeated_event(version, unit);
        }
    }

    /// The natural logarithm of the e-value against "green is not worse", by what units tell when they
    /// come again.
    pub(super) fn repeated_harm_log_e(&self, metric: Metric, params: &GateStepParams) -> f64 {
        match self {
            Self::Rate(stats) => stats.repeated_harm_log_e(params),
            Self::Values(stats) => stats.repeated_harm_log_e(metric, params),
        }
    }

    /// The natural logarithm of the e-value against "green is worse by the tolerance".
    pub(super) fn non_inferiority_log_e(&self, metric: Metric, params: &GateStepParams) -> f64 {
        match self {
            Self::Rate(stats) => stats.non_inferiority_log_e(params),
            Self::Values(stats) => stats.non_inferiority_log_e(metric, params),
        }
    }

    /// Whether all values of units that came again make green look worse than the margin allows;
    /// false for a rate.
    pub(super) fn looks_worse(&self, metric: Metric, params: &GateStepParams) -> bool {
        match self {
            Self::Rate(_) => false,
            Self::Values(stats) => stats.looks_worse(metric, params),
        }
    }

    /// Drops the values that wait for one of the other version.
    pub(super) fn drop_waiting_values(&mut self) {
        if let Self::Values(stats) = self {
            stats.drop_waiting();
        }
    }

    /// Forgets what units told when they came again.
    pub(super) fn forget_repeated(&mut self) {
        match self {
            Self::Rate(stats) => stats.forget_repeated(),
            Self::Values(stats) => stats.forget_repeated(),
        }
    }

    /// The data of the test of harm, for display: for a rate, which of the `known` units had a
    /// bad response in the step; for values, units' first values.
    pub fn moments(&self, known: ByVersion<u64>) -> ByVersion<Moments> {
        match self {
            Self::Rate(stats) => {
                let with_event = stats.units_with_event();
                ByVersion {
                    blue: Moments::from_rate(known.blue, with_event.blue),
                    green: Moments::from_rate(known.green, with_event.green),
                }
            }
            Self::Values(stats) => stats.moments,
        }
    }

    /// Adds the sums of the same gate and step from elsewhere.
    pub(super) fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Rate(stats), Self::Rate(other)) => stats.merge(other),
            (Self::Values(stats), Self::Values(other)) => stats.merge(other),
            _ => {}
        }
    }
}
