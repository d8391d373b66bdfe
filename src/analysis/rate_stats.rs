//! The sums of a gate on a rate, in one step.

use serde::{Deserialize, Serialize};

use super::absolute_rate;
use super::by_version::ByVersion;
use super::design_effect::RandomGroups;
use super::known_fraction::{CountsByCoverage, CoverageLevel, KnownFraction};
use super::metric::Metric;
use super::observation::Observation;
use super::plan::GateStepParams;
use super::probability::Probability;
use super::rate_ratio::RateRatioBets;
use super::repeated_events::RepeatedEvents;
use super::unit_flags::FirstResponse;
use super::wealth::{Wealth, log_mean_exp};
use crate::assignment::Version;

/// The sums of a gate on a rate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RateStats {
    /// Units with at least one bad response in the step: the data of the test of harm.
    units_with_event: CountsByCoverage,
    /// Units with a response since the warm-up ended.
    pub units: ByVersion<u64>,
    /// Those of [`Self::units`] whose first such response was bad.
    pub bad_units: ByVersion<u64>,
    /// Requests since the warm-up ended, at most [`MAX_REQUESTS`](super::repeats::MAX_REQUESTS) of
    /// a unit in a period.
    ///
    /// The test of non-inferiority uses requests, not units: units with bad responses leave a
    /// worse green sooner, and the remaining ones would make it look safe.
    pub requests: ByVersion<u64>,
    /// Those of [`Self::requests`] with a bad response.
    bad_requests: CountsByCoverage,
    groups: RandomGroups,
    known_fraction: KnownFraction,
    /// Units with a bad response, each once in a period.
    pub repeated: RepeatedEvents,
}

// === impl RateStats ===

impl RateStats {
    /// Adds a response.
    pub(super) fn add(&mut self, metric: Metric, observation: &Observation, first: FirstResponse) {
        let Observation { unit, version, measurements, .. } = *observation;
        let repeats = first.repeats.of_rate(metric);
        // The level must not depend on the response that counts at it.
        if first.is_for_harm {
            self.add_unit_with_event(version);
        }
        if let (true, Some(is_bad)) =
            (repeats.is_for_non_inferiority, measurements.is_beyond_tolerance(metric))
        {
            self.add_request(version, unit, is_bad, first.is_for_non_inferiority);
        }
        if repeats.is_for_known_fraction && measurements.may_reveal(metric) {
            self.known_fraction.record(version, measurements.is_known(metric));
        }
    }

    fn add_unit_with_event(&mut self, version: Version) {
        if let Some(level) = self.level_for_harm() {
            self.units_with_event.add(level, version, 1);
        }
    }

    fn add_request(&mut self, version: Version, unit: u64, is_bad: bool, is_first_of_unit: bool) {
        let bad = u64::from(is_bad);
        *self.requests.get_mut(version) += 1;
        if let Some(level) = self.known_fraction.level_for_non_inferiority() {
            self.bad_requests.add(level, version, bad);
        }
        if version == Version::Blue {
            self.groups.add(unit, is_bad);
        }
        if is_first_of_unit {
            *self.units.get_mut(version) += 1;
            *self.bad_units.get_mut(version) += bad;
        }
    }

    /// Units with at least one bad response in the step.
    pub fn units_with_event(&self) -> ByVersion<u64> {
        self.units_with_event.total()
    }

    /// Bad requests since the warm-up ended.
    pub fn bad_requests(&self) -> ByVersion<u64> {
        self.bad_requests.total()
    }

    /// At which coverage a bad response counts now for the test of harm; `None` where it does not
    /// count.
    pub(super) fn level_for_harm(&self) -> Option<CoverageLevel> {
        self.known_fraction.level_for_harm()
    }

    /// The wealth of the bets against "green's rate is not worse".
    pub(super) fn harm_wealth(&self, params: &GateStepParams) -> Wealth {
        harm_wealth(&self.units_with_event, params)
    }

    /// Adds the first bad response of a unit in a period.
    pub(super) fn add_repeated_event(&mut self, version: Version, unit: u64) {
        if let Some(level) = self.level_for_harm() {
            self.repeated.add(level, version, unit);
        }
    }

    /// The natural logarithm of the e-value against "green's rate is not worse", by the bad responses
    /// of units that come again.
    pub(super) fn repeated_harm_log_e(&self, params: &GateStepParams) -> f64 {
        let wealth = harm_wealth(self.repeated.counts(), params);
        wealth.times(1.0 / self.repeated.design_effect()).log_mean()
    }

    /// Forgets the bad responses of units that come again.
    pub(super) fn forget_repeated(&mut self) {
        self.repeated = RepeatedEvents::default();
    }

    /// The natural logarithm of the e-value against "green's rate is worse by the tolerance".
    pub(super) fn non_inferiority_log_e(&self, params: &GateStepParams) -> f64 {
        // Where each user has `1 + tolerance` times as many bad requests, the clusters that they
        // form are so much larger than blue's. The square root lies between the two versions;
        // simulation confirms it (`simulated.md`).
        let cluster_growth = libm::sqrt(1.0 + params.rate_tolerance);
        let design_effect = 1.0 + (self.groups.design_effect() - 1.0) * cluster_growth;
        let bets = |green| RateRatioBets::for_non_inferiority(green, params.rate_tolerance);
        let ratio_log_e =
            wealth(&self.bad_requests, params.all_units, params.non_inferiority, bets)
                .times(1.0 / design_effect)
                .log_mean();
        let Some(ceiling) = params.ceiling else { return ratio_log_e };
        let below_ceiling = absolute_rate::wealth(ceiling, self.units.green, self.bad_units.green);
        log_mean_exp(&[ratio_log_e, below_ceiling.log_mean()])
    }

    /// Adds the sums of the same gate and step from elsewhere.
    pub(super) fn merge(&mut self, other: &Self) {
        self.units_with_event.merge(&other.units_with_event);
        self.units += other.units;
        self.bad_units += other.bad_units;
        self.requests += other.requests;
        self.bad_requests.merge(&other.bad_requests);
        self.groups.merge(&other.groups);
        self.repeated.merge(&other.repeated);
    }
}

/// The wealth of the bets against "green's rate is not worse", after bad responses of so many
/// units.
pub(super) fn harm_wealth(bad_units: &CountsByCoverage, params: &GateStepParams) -> Wealth {
    wealth(bad_units, params.new_units, params.harm, |green| {
        RateRatioBets::for_harm(green, params.rate_margin)
    })
}

/// The wealth after these bad events.
///
/// `default_bets` are the bets at the probability `green`, at which nearly all events are
/// counted; `bets_at` makes the bets for another probability.
fn wealth(
    bad: &CountsByCoverage,
    green: Probability,
    default_bets: RateRatioBets,
    bets_at: impl Fn(Probability) -> RateRatioBets,
) -> Wealth {
    let wealth_at_level = |(probability, bad): (Probability, ByVersion<u64>)| {
        let bets = if probability == green { default_bets } else { bets_at(probability) };
        bets.wealth(bad)
    };
    bad.by_probability(green).map(wealth_at_level).sum()
}
