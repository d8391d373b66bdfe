//! The sums of a gate on values, in one step.

use serde::{Deserialize, Serialize};

use super::block::Block;
use super::by_version::ByVersion;
use super::mann_whitney;
use super::measurements::Measurements;
use super::metric::{Comparison, Metric};
use super::moments::Moments;
use super::observation::Observation;
use super::plan::{GateSpec, GateStepParams};
use super::unit_flags::FirstResponse;
use super::wealth::Wealth;

/// The sums of a gate on values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValueStats {
    directions: Vec<DirectionStats>,
    harm_block: Block,
    non_inferiority_block: Block,
    /// The moments of units' first values in the step.
    pub moments: ByVersion<Moments>,
}

/// The bets on one direction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct DirectionStats {
    direction: Direction,
    harm: Wealth,
    non_inferiority: Wealth,
}

/// The direction in which values are worse, and how a margin applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Direction {
    /// Higher ranks are worse; green's values are divided by 1 + margin.
    Higher,
    /// Lower ranks are worse; green's values are multiplied by 1 + margin.
    Lower,
    /// For values from 0 to 1, a mean that is higher by more than the margin is worse.
    HigherMean,
    /// For values from 0 to 1, a mean that is lower by more than the margin is worse.
    ///
    /// Ranks do not suit here: scores have few levels, so most are equal, and a margin would
    /// rank green's above every equal one of blue's.
    LowerMean,
}

/// How many of blue's values a mean takes at least: the mean of one vote says nothing.
const MIN_BLUE_FOR_MEAN: usize = 4;

// === impl ValueStats ===

impl ValueStats {
    /// Empty sums for a metric that is compared like this; `None` for a rate.
    pub(super) fn for_comparison(comparison: Comparison) -> Option<Self> {
        let directions: &[Direction] = match comparison {
            Comparison::Rate => return None,
            Comparison::Higher => &[Direction::Higher],
            Comparison::Lower => &[Direction::LowerMean],
            Comparison::Either => &[Direction::Higher, Direction::Lower],
            Comparison::Share => &[Direction::HigherMean],
        };
        let without_bets = |direction: &Direction| DirectionStats {
            direction: *direction,
            harm: Wealth::default(),
            non_inferiority: Wealth::default(),
        };
        Some(Self {
            directions: directions.iter().map(without_bets).collect(),
            harm_block: Block::default(),
            non_inferiority_block: Block::default(),
            moments: ByVersion::default(),
        })
    }

    /// Adds a response. A vote counts as 1 where it is bad and as 0 where it is good.
    pub(super) fn add(
        &mut self,
        gate: &GateSpec,
        params: &GateStepParams,
        observation: &Observation,
        first: FirstResponse,
    ) {
        let Some(value) = value_or_vote(&observation.measurements, gate.metric) else { return };
        let version = observation.version;
        if first.is_for_harm {
            self.moments.get_mut(version).add(value);
            if let Some(values) = self.harm_block.add(version, value) {
                self.bet_on_harm(&values, gate.margin);
            }
        }
        if first.is_for_non_inferiority
            && let Some(values) = self.non_inferiority_block.add(version, value)
        {
            self.bet_on_non_inferiority(&values, params.tolerance);
        }
    }

    /// Ends a tick: closes the blocks that have enough values.
    pub(super) fn end_tick(&mut self, gate: &GateSpec, params: &GateStepParams) {
        let compares_means =
            matches!(gate.metric.comparison(), Comparison::Share | Comparison::Lower);
        let min_blue = if compares_means { MIN_BLUE_FOR_MEAN } else { 1 };
        if let Some(values) = self.harm_block.end_tick(min_blue) {
            self.bet_on_harm(&values, gate.margin);
        }
        if let Some(values) = self.non_inferiority_block.end_tick(min_blue) {
            self.bet_on_non_inferiority(&values, params.tolerance);
        }
    }

    /// The wealth of the bets against "green is not worse", one for each direction.
    pub(super) fn harm_wealth(&self) -> impl Iterator<Item = Wealth> + use<'_> {
        self.directions.iter().map(|it| it.harm)
    }

    /// The natural logarithm of the e-value against "green is worse by the tolerance": the
    /// smallest one of the directions, because all must be safe.
    pub(super) fn non_inferiority_log_e(&self) -> f64 {
        let log_e = self.directions.iter().map(|it| it.non_inferiority.log_mean());
        log_e.fold(f64::INFINITY, f64::min)
    }

    /// Adds the sums of the same gate and step from elsewhere.
    pub(super) fn merge(&mut self, other: &Self) {
        for (to, from) in self.directions.iter_mut().zip(&other.directions) {
            to.harm += from.harm;
            to.non_inferiority += from.non_inferiority;
        }
        self.harm_block.merge(&other.harm_block);
        self.non_inferiority_block.merge(&other.non_inferiority_block);
        self.moments += other.moments;
    }

    fn bet_on_harm(&mut self, values: &ByVersion<Vec<f64>>, margin: f64) {
        for it in &mut self.directions {
            it.harm.bet(it.direction.excess_over_margin(values, margin));
        }
    }

    fn bet_on_non_inferiority(&mut self, values: &ByVersion<Vec<f64>>, tolerance: f64) {
        for it in &mut self.directions {
            it.non_inferiority.bet(-it.direction.excess_over_margin(values, tolerance));
        }
    }
}

fn value_or_vote(measurements: &Measurements, metric: Metric) -> Option<f64> {
    let vote = || Some(f64::from(u8::from(measurements.is_bad(metric)?)));
    measurements.value_of(metric).or_else(vote)
}

// === impl Direction ===

impl Direction {
    /// How much worse green is than the margin allows, from −1 to 1. Its expectation is at
    /// most 0 where green is not worse.
    fn excess_over_margin(self, values: &ByVersion<Vec<f64>>, margin: f64) -> f64 {
        let ByVersion { blue, green } = values;
        let factor = 1.0 + margin;
        match self {
            Self::Higher => {
                2.0 * mann_whitney::excess(green.iter().map(|value| value / factor), blue)
            }
            Self::Lower => {
                -2.0 * mann_whitney::excess(green.iter().map(|value| value * factor), blue)
            }
            // Means from 0 to 1 differ by at most 1, so this is at least −1.
            Self::HigherMean => (mean(green) - mean(blue) - margin) / factor,
            Self::LowerMean => (mean(blue) - mean(green) - margin) / factor,
        }
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}
