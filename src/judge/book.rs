//! What is kept of one gate in one step: a few sums.

use serde::{Deserialize, Serialize};

use super::bets::{Capital, log_mean};
use super::block::Block;
use super::ceiling;
use super::chance::Chance;
use super::effect::Groups;
use super::exposure::{ByLevel, Exposure};
use super::interval::Moments;
use super::metric::{Comparison, Metric};
use super::pair::Pair;
use super::rank::excess;
use super::rate::RateBets;
use super::rules::{GateStep, Terms};
use crate::assign::Version;

/// The sums of a gate on a rate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RateBook {
    /// Units that had a bad response in the step: what a rollback is decided by.
    hit: ByLevel,
    /// Since the step is warm: units by their first response, and those of them for which
    /// that was bad.
    pub units: Pair<u64>,
    /// As above.
    pub bad_units: Pair<u64>,
    /// Since the step is warm: all requests, and the bad ones. Going on is decided by
    /// them, since units that are hit leave a worse green sooner, and those that are left
    /// make it look safe.
    pub requests: Pair<u64>,
    /// As above.
    bad: ByLevel,
    groups: Groups,
    exposure: Exposure,
}

/// The sums of a gate on values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValueBook {
    sides: Vec<Side>,
    worse: Block,
    safe: Block,
    /// Of units' first values in the step.
    pub moments: Pair<Moments>,
}

/// The bets on one direction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Side {
    direction: Direction,
    worse: Capital,
    safe: Capital,
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
pub enum Book {
    /// Of a rate.
    Rate(Box<RateBook>),
    /// Of values.
    Values(ValueBook),
}

// === impl Book ===

impl Book {
    /// An empty book for a gate.
    pub fn of(metric: Metric) -> Self {
        let sides: &[Direction] = match metric.comparison() {
            Comparison::Rate => return Self::Rate(Box::default()),
            Comparison::Higher => &[Direction::Higher],
            Comparison::Lower => &[Direction::LowerMean],
            Comparison::Either => &[Direction::Higher, Direction::Lower],
            Comparison::Share => &[Direction::HigherMean],
        };
        let side = |direction: &Direction| Side {
            direction: *direction,
            worse: Capital::default(),
            safe: Capital::default(),
        };
        Self::Values(ValueBook {
            sides: sides.iter().map(side).collect(),
            worse: Block::default(),
            safe: Block::default(),
            moments: Pair::default(),
        })
    }

    /// The bets against "green is not worse", one for each direction.
    pub fn worse(&self, step: &GateStep) -> impl Iterator<Item = Capital> + use<'_> {
        let (rate, values) = match self {
            Self::Rate(book) => (Some(book.worse(step)), None),
            Self::Values(book) => (None, Some(&book.sides)),
        };
        rate.into_iter().chain(values.into_iter().flatten().map(|side| side.worse))
    }

    /// The logarithm of the e-value against "green is worse by the tolerance".
    pub fn safe_log_e(&self, step: &GateStep) -> f64 {
        match self {
            Self::Rate(book) => book.safe_log_e(step),
            Self::Values(book) => {
                // Both directions must be safe.
                let sides = book.sides.iter().map(|side| side.safe.log_mean());
                sides.fold(f64::INFINITY, f64::min)
            }
        }
    }

    /// What the first question is asked of, to show: of a rate, the units that were hit
    /// among the `known` ones, of which it is known since the step began; of values, units'
    /// first.
    pub fn moments(&self, known: Pair<u64>) -> Pair<Moments> {
        match self {
            Self::Rate(book) => {
                let hit = book.hit();
                Pair {
                    blue: Moments::of_rate(known.blue, hit.blue),
                    green: Moments::of_rate(known.green, hit.green),
                }
            }
            Self::Values(book) => book.moments,
        }
    }

    /// The tick is over.
    pub fn tick(&mut self, terms: &Terms, step: &GateStep) {
        if let Self::Values(book) = self {
            // A mean of one vote is none.
            let is_mean =
                matches!(terms.metric.comparison(), Comparison::Share | Comparison::Lower);
            let blues = if is_mean { 4 } else { 1 };
            if let Some(block) = book.worse.tick(blues) {
                book.close_worse(block, terms.margin);
            }
            if let Some(block) = book.safe.tick(blues) {
                book.close_safe(block, step.tolerance);
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

impl RateBook {
    /// Notes whether the rate is known of a response.
    pub fn expose(&mut self, version: Version, is_known: bool) {
        self.exposure.note(version, is_known);
    }

    /// Notes the first bad response of a unit in the step.
    pub fn add_hit(&mut self, version: Version) {
        if let Some(level) = self.exposure.for_harm() {
            self.hit.add(level, version, 1);
        }
    }

    /// Units that had a bad response in the step.
    pub fn hit(&self) -> Pair<u64> {
        self.hit.total()
    }

    /// Bad requests since the step is warm.
    pub fn bad(&self) -> Pair<u64> {
        self.bad.total()
    }

    /// The bets against "green's rate is not worse".
    fn worse(&self, step: &GateStep) -> Capital {
        capital(&self.hit, step.new, step.worse, |green| RateBets::worse(green, step.margin))
    }

    /// Notes a response of the unit with this hash since the step is warm.
    pub fn add(&mut self, version: Version, unit: u64, is_bad: bool, is_first: bool) {
        let bad = u64::from(is_bad);
        *self.requests.of_mut(version) += 1;
        if let Some(level) = self.exposure.for_safety() {
            self.bad.add(level, version, bad);
        }
        if version == Version::Blue {
            self.groups.add(unit, is_bad);
        }
        if is_first {
            *self.units.of_mut(version) += 1;
            *self.bad_units.of_mut(version) += bad;
        }
    }

    fn safe_log_e(&self, step: &GateStep) -> f64 {
        // Where each user has `1 + tolerance` times as many bad requests, the clusters that
        // they make are that much larger than blue's. The square root lies between the two
        // versions; simulation bears it out (`simulated.md`).
        let larger = libm::sqrt(1.0 + step.tolerance);
        let effect = 1.0 + (self.groups.design_effect() - 1.0) * larger;
        let safe = |green| RateBets::safe(green, step.tolerance);
        let ratio = capital(&self.bad, step.all, step.safe, safe).times(1.0 / effect).log_mean();
        let Some(ceiling) = step.ceiling else { return ratio };
        let below = ceiling::capital(ceiling, self.units.green, self.bad_units.green);
        log_mean(&[ratio, below.log_mean()])
    }

    fn merge(&mut self, other: &Self) {
        self.hit.merge(&other.hit);
        self.units += other.units;
        self.bad_units += other.bad_units;
        self.requests += other.requests;
        self.bad.merge(&other.bad);
        self.groups.merge(&other.groups);
    }
}

/// The capital after these bad events. `whole` are the bets at the chance of `green`, which
/// nearly all of them are played at; `bets` makes those for another chance.
fn capital(
    bad: &ByLevel,
    green: Chance,
    whole: RateBets,
    bets: impl Fn(Chance) -> RateBets,
) -> Capital {
    let of_level = |(chance, bad): (Chance, Pair<u64>)| {
        let bets = if chance == green { whole } else { bets(chance) };
        bets.capital(bad)
    };
    bad.by_chance(green).map(of_level).sum()
}

// === impl ValueBook ===

impl ValueBook {
    /// Notes the first value of a unit in the step.
    pub fn add_worse(&mut self, version: Version, value: f64, margin: f64) {
        self.moments.of_mut(version).add(value);
        if let Some(block) = self.worse.add(version, value) {
            self.close_worse(block, margin);
        }
    }

    /// Notes the first value of a unit since the step is warm.
    pub fn add_safe(&mut self, version: Version, value: f64, tolerance: f64) {
        if let Some(block) = self.safe.add(version, value) {
            self.close_safe(block, tolerance);
        }
    }

    fn close_worse(&mut self, block: Pair<Vec<f64>>, margin: f64) {
        for side in &mut self.sides {
            side.worse.bet(side.direction.by_how_much(&block, margin));
        }
    }

    fn close_safe(&mut self, block: Pair<Vec<f64>>, tolerance: f64) {
        for side in &mut self.sides {
            side.safe.bet(-side.direction.by_how_much(&block, tolerance));
        }
    }

    fn merge(&mut self, other: &Self) {
        for (side, other) in self.sides.iter_mut().zip(&other.sides) {
            side.worse += other.worse;
            side.safe += other.safe;
        }
        self.worse.merge(&other.worse);
        self.safe.merge(&other.safe);
        self.moments += other.moments;
    }
}

// === impl Direction ===

impl Direction {
    /// By how much green is worse than the margin allows, from −1 to 1; at most 0 on
    /// average where it is not.
    fn by_how_much(self, block: &Pair<Vec<f64>>, margin: f64) -> f64 {
        let Pair { blue, green } = block;
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
