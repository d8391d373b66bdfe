//! What is kept of one gate in one step: a few sums.

use serde::{Deserialize, Serialize};

use super::absolute_rate;
use super::block::Block;
use super::by_version::ByVersion;
use super::confidence_sequence::Moments;
use super::design_effect::RandomGroups;
use super::known_fraction::{CountsByCoverage, KnownFraction};
use super::mann_whitney::excess;
use super::metric::{Comparison, Metric};
use super::plan::{GateSpec, GateStepParams};
use super::probability::Probability;
use super::rate_ratio::RateRatioBets;
use super::wealth::{Wealth, log_mean};
use crate::assignment::Version;

/// The sums of a gate on a rate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RateStats {
    /// Units that had a bad response in the step: what a rollback is decided by.
    units_with_event: CountsByCoverage,
    /// Since the step is warm: units by their first response, and those of them for which
    /// that was bad.
    pub units: ByVersion<u64>,
    /// As above.
    pub bad_units: ByVersion<u64>,
    /// Since the step is warm: all requests, and the bad ones. Going on is decided by
    /// them, since units that are hit leave a worse green sooner, and those that are left
    /// make it look safe.
    pub requests: ByVersion<u64>,
    /// As above.
    bad_requests: CountsByCoverage,
    groups: RandomGroups,
    exposure: KnownFraction,
}

/// The sums of a gate on values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValueStats {
    sides: Vec<DirectionStats>,
    harm: Block,
    non_inferiority: Block,
    /// Of units' first values in the step.
    pub moments: ByVersion<Moments>,
}

/// The bets on one direction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct DirectionStats {
    direction: Direction,
    harm: Wealth,
    non_inferiority: Wealth,
}

/// In which direction values are worse, and what a margin does to green's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Direction {
    /// Higher is worse; green's are divided by 1 + margin.
    Higher,
    /// Lower is worse; green's are multiplied by 1 + margin.
    Lower,
    /// Of values from 0 to 1, a higher mean is worse by more than the margin.
    HigherMean,
    /// As above, a lower one. By rank, a margin would lift green's above every equal one of
    /// blue's; and a judge has few scores to give, so that most are equal.
    LowerMean,
}

/// The sums of one gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateStats {
    /// Of a rate.
    Rate(Box<RateStats>),
    /// Of values.
    Values(ValueStats),
}

// === impl Book ===

impl GateStats {
    /// An empty book for a gate.
    pub fn for_metric(metric: Metric) -> Self {
        let sides: &[Direction] = match metric.comparison() {
            Comparison::Rate => return Self::Rate(Box::default()),
            Comparison::Higher => &[Direction::Higher],
            Comparison::Lower => &[Direction::LowerMean],
            Comparison::Either => &[Direction::Higher, Direction::Lower],
            Comparison::Share => &[Direction::HigherMean],
        };
        let side = |direction: &Direction| DirectionStats {
            direction: *direction,
            harm: Wealth::default(),
            non_inferiority: Wealth::default(),
        };
        Self::Values(ValueStats {
            sides: sides.iter().map(side).collect(),
            harm: Block::default(),
            non_inferiority: Block::default(),
            moments: ByVersion::default(),
        })
    }

    /// The bets against "green is not worse", one for each direction.
    pub fn harm_wealth(&self, step: &GateStepParams) -> impl Iterator<Item = Wealth> + use<'_> {
        let (rate, values) = match self {
            Self::Rate(book) => (Some(book.harm_wealth(step)), None),
            Self::Values(book) => (None, Some(&book.sides)),
        };
        rate.into_iter().chain(values.into_iter().flatten().map(|side| side.harm))
    }

    /// The logarithm of the e-value against "green is worse by the tolerance".
    pub fn non_inferiority_log_e(&self, step: &GateStepParams) -> f64 {
        match self {
            Self::Rate(book) => book.safe_log_e(step),
            Self::Values(book) => {
                // Both directions must be safe.
                let sides = book.sides.iter().map(|side| side.non_inferiority.log_mean());
                sides.fold(f64::INFINITY, f64::min)
            }
        }
    }

    /// What the first question is asked of, to show: of a rate, the units that were hit
    /// among the `known` ones, of which it is known since the step began; of values, units'
    /// first.
    pub fn moments(&self, known: ByVersion<u64>) -> ByVersion<Moments> {
        match self {
            Self::Rate(book) => {
                let hit = book.units_with_event();
                ByVersion {
                    blue: Moments::from_rate(known.blue, hit.blue),
                    green: Moments::from_rate(known.green, hit.green),
                }
            }
            Self::Values(book) => book.moments,
        }
    }

    /// The tick is over.
    pub fn tick(&mut self, terms: &GateSpec, step: &GateStepParams) {
        if let Self::Values(book) = self {
            // A mean of one vote is none.
            let is_mean =
                matches!(terms.metric.comparison(), Comparison::Share | Comparison::Lower);
            let blues = if is_mean { 4 } else { 1 };
            if let Some(block) = book.harm.tick(blues) {
                book.close_harm_block(block, terms.margin);
            }
            if let Some(block) = book.non_inferiority.tick(blues) {
                book.close_non_inferiority_block(block, step.tolerance);
            }
        }
    }

    /// Takes in what was noted elsewhere of the same gate and step.
    pub fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Rate(book), Self::Rate(other)) => book.merge(other),
            (Self::Values(book), Self::Values(other)) => book.merge(other),
            _ => {}
        }
    }
}

// === impl RateBook ===

impl RateStats {
    /// Notes whether the rate is known of a response.
    pub fn record_coverage(&mut self, version: Version, is_known: bool) {
        self.exposure.record(version, is_known);
    }

    /// Notes the first bad response of a unit in the step.
    pub fn add_unit_with_event(&mut self, version: Version) {
        if let Some(level) = self.exposure.for_harm() {
            self.units_with_event.add(level, version, 1);
        }
    }

    /// Units that had a bad response in the step.
    pub fn units_with_event(&self) -> ByVersion<u64> {
        self.units_with_event.total()
    }

    /// Bad requests since the step is warm.
    pub fn bad_requests(&self) -> ByVersion<u64> {
        self.bad_requests.total()
    }

    /// The bets against "green's rate is not worse".
    fn harm_wealth(&self, step: &GateStepParams) -> Wealth {
        wealth(&self.units_with_event, step.new, step.harm, |green| {
            RateRatioBets::for_harm(green, step.margin)
        })
    }

    /// Notes a response of the unit with this hash since the step is warm.
    pub fn add(&mut self, version: Version, unit: u64, is_bad: bool, is_first: bool) {
        let bad = u64::from(is_bad);
        *self.requests.get_mut(version) += 1;
        if let Some(level) = self.exposure.for_safety() {
            self.bad_requests.add(level, version, bad);
        }
        if version == Version::Blue {
            self.groups.add(unit, is_bad);
        }
        if is_first {
            *self.units.get_mut(version) += 1;
            *self.bad_units.get_mut(version) += bad;
        }
    }

    fn safe_log_e(&self, step: &GateStepParams) -> f64 {
        // Where each user has `1 + tolerance` times as many bad requests, the clusters that
        // they make are that much larger than blue's. The square root lies between the two
        // versions; simulation bears it out (`simulated.md`).
        let larger = libm::sqrt(1.0 + step.tolerance);
        let effect = 1.0 + (self.groups.design_effect() - 1.0) * larger;
        let safe = |green| RateRatioBets::for_non_inferiority(green, step.tolerance);
        let ratio = wealth(&self.bad_requests, step.all, step.non_inferiority, safe)
            .times(1.0 / effect)
            .log_mean();
        let Some(ceiling) = step.ceiling else { return ratio };
        let below = absolute_rate::wealth(ceiling, self.units.green, self.bad_units.green);
        log_mean(&[ratio, below.log_mean()])
    }

    fn merge(&mut self, other: &Self) {
        self.units_with_event.merge(&other.units_with_event);
        self.units += other.units;
        self.bad_units += other.bad_units;
        self.requests += other.requests;
        self.bad_requests.merge(&other.bad_requests);
        self.groups.merge(&other.groups);
    }
}

/// The capital after these bad events. `whole` are the bets at the chance of `green`, which
/// nearly all of them are played at; `bets` makes those for another chance.
fn wealth(
    bad: &CountsByCoverage,
    green: Probability,
    whole: RateRatioBets,
    bets: impl Fn(Probability) -> RateRatioBets,
) -> Wealth {
    let of_level = |(chance, bad): (Probability, ByVersion<u64>)| {
        let bets = if chance == green { whole } else { bets(chance) };
        bets.wealth(bad)
    };
    bad.by_probability(green).map(of_level).sum()
}

// === impl ValueBook ===

impl ValueStats {
    /// Notes the first value of a unit in the step.
    pub fn add_for_harm(&mut self, version: Version, value: f64, margin: f64) {
        self.moments.get_mut(version).add(value);
        if let Some(block) = self.harm.add(version, value) {
            self.close_harm_block(block, margin);
        }
    }

    /// Notes the first value of a unit since the step is warm.
    pub fn add_for_non_inferiority(&mut self, version: Version, value: f64, tolerance: f64) {
        if let Some(block) = self.non_inferiority.add(version, value) {
            self.close_non_inferiority_block(block, tolerance);
        }
    }

    fn close_harm_block(&mut self, block: ByVersion<Vec<f64>>, margin: f64) {
        for side in &mut self.sides {
            side.harm.bet(side.direction.excess_over_margin(&block, margin));
        }
    }

    fn close_non_inferiority_block(&mut self, block: ByVersion<Vec<f64>>, tolerance: f64) {
        for side in &mut self.sides {
            side.non_inferiority.bet(-side.direction.excess_over_margin(&block, tolerance));
        }
    }

    fn merge(&mut self, other: &Self) {
        for (side, other) in self.sides.iter_mut().zip(&other.sides) {
            side.harm += other.harm;
            side.non_inferiority += other.non_inferiority;
        }
        self.harm.merge(&other.harm);
        self.non_inferiority.merge(&other.non_inferiority);
        self.moments += other.moments;
    }
}

// === impl Direction ===

impl Direction {
    /// By how much green is worse than the margin allows, from −1 to 1; at most 0 on
    /// average where it is not.
    fn excess_over_margin(self, block: &ByVersion<Vec<f64>>, margin: f64) -> f64 {
        let ByVersion { blue, green } = block;
        let times = 1.0 + margin;
        match self {
            Self::Higher => 2.0 * excess(green.iter().map(|value| value / times), blue),
            Self::Lower => -2.0 * excess(green.iter().map(|value| value * times), blue),
            // Means from 0 to 1 differ by at most 1, so that this is at least −1.
            Self::HigherMean => (mean(green) - mean(blue) - margin) / times,
            Self::LowerMean => (mean(blue) - mean(green) - margin) / times,
        }
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}
