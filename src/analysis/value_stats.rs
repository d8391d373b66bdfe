//! The sums of a gate on values, in one step.

use serde::{Deserialize, Serialize};

use super::by_version::ByVersion;
use super::censored_value::CensoredValue;
use super::design_effect::GROUPS;
use super::measurements::Measurements;
use super::metric::Metric;
use super::moments::Moments;
use super::observation::Observation;
use super::plan::{GateSpec, GateStepParams};
use super::repeated_values::{Allowances, RepeatedValues};
use super::unit_flags::FirstResponse;
use super::value_bets::{ValueBets, ValueHypothesis};
use super::wealth::{Wealth, log_mean_exp};

/// The sums of a gate on values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ValueStats {
    harm: ValueBets,
    /// The bets on units' first values.
    non_inferiority: ValueBets,
    repeated: RepeatedValues,
    /// Units with a value since the warm-up.
    units: ByVersion<u64>,
    /// The moments of units' first values in the step. A censored value counts as its bound.
    pub moments: ByVersion<Moments>,
}

/// Before so many units of each version have a value since the warm-up, values of units that come again prove no harm: the
/// variance between units is known only as well as there are units.
pub const MIN_UNITS_FOR_HARM: u64 = GROUPS as u64;

// === impl ValueStats ===

impl ValueStats {
    /// Adds a response.
    pub(super) fn add(
        &mut self,
        gate: &GateSpec,
        params: &GateStepParams,
        observation: &Observation,
        first: FirstResponse,
    ) {
        let Some(value) = value_or_vote(&observation.measurements, gate.metric) else { return };
        let (version, comparison) = (observation.version, gate.metric.comparison());
        if first.is_for_harm {
            self.moments.get_mut(version).add(value.value);
            self.harm.add(comparison, ValueHypothesis::NotWorse(gate.margin), version, value);
        }
        if first.is_for_non_inferiority {
            *self.units.get_mut(version) += 1;
            let hypothesis = ValueHypothesis::WorseBy(params.tolerance);
            self.non_inferiority.add(comparison, hypothesis, version, value);
        }
        if first.repeats.counts_value_of(gate.metric) {
            let allowances = Allowances { margin: gate.margin, tolerance: params.tolerance };
            self.repeated.add(comparison, allowances, (version, observation.unit), value);
        }
    }

    /// Ends a tick: closes the blocks that have enough values.
    pub(super) fn end_tick(&mut self, gate: &GateSpec, params: &GateStepParams) {
        let comparison = gate.metric.comparison();
        self.harm.end_tick(comparison, ValueHypothesis::NotWorse(gate.margin));
        self.non_inferiority.end_tick(comparison, ValueHypothesis::WorseBy(params.tolerance));
    }

    /// The wealth of the bets against "green is not worse", one for each direction.
    pub(super) fn harm_wealth(&self) -> &[Wealth] {
        self.harm.wealth()
    }

    /// The natural logarithm of the e-value against "green is worse by the tolerance": of each test
    /// the smallest one of the directions, because all must be safe, and of both tests the mean.
    pub(super) fn non_inferiority_log_e(&self, metric: Metric, params: &GateStepParams) -> f64 {
        let log_e = self.non_inferiority.wealth().iter().map(|wealth| wealth.log_mean());
        // Before the first bet the e-value is 1.
        let first = log_e.reduce(f64::min).unwrap_or_default();
        let repeated = self.repeated.non_inferiority_log_e(metric.comparison(), params.tolerance);
        // Where each request counts by itself, there is no second test.
        repeated.map_or(first, |repeated| log_mean_exp(&[first, repeated]))
    }

    /// The natural logarithm of the e-value against "green is not worse", by all values of units that
    /// come again; 0 before [`MIN_UNITS_FOR_HARM`] units of each version have one.
    pub(super) fn repeated_harm_log_e(&self, metric: Metric, params: &GateStepParams) -> f64 {
        if self.units.blue.min(self.units.green) < MIN_UNITS_FOR_HARM {
            return 0.0;
        }
        self.repeated.harm_log_e(metric.comparison(), params.margin).unwrap_or_default()
    }

    /// Whether all values of units that came again make green look worse than the margin allows.
    pub(super) fn looks_worse(&self, metric: Metric, params: &GateStepParams) -> bool {
        self.repeated.looks_worse(metric.comparison(), params.margin)
    }

    /// Drops the values that wait for one of the other version.
    pub(super) fn drop_waiting(&mut self) {
        self.harm.drop_waiting();
        self.non_inferiority.drop_waiting();
    }

    /// Forgets the values of units that came again.
    pub(super) fn forget_repeated(&mut self) {
        self.repeated = RepeatedValues::default();
    }

    /// Adds the sums of the same gate and step from elsewhere.
    pub(super) fn merge(&mut self, other: &Self) {
        self.harm.merge(&other.harm);
        self.non_inferiority.merge(&other.non_inferiority);
        self.repeated.merge(&other.repeated);
        self.units += other.units;
        self.moments += other.moments;
    }
}

/// The response's value of the metric. A vote counts as 1 where it is bad and as 0 where it is
/// good.
pub(super) fn value_or_vote(measurements: &Measurements, metric: Metric) -> Option<CensoredValue> {
    let vote = || Some(f64::from(u8::from(measurements.is_bad(metric)?)).into());
    measurements.censored_value_of(metric).or_else(vote)
}
