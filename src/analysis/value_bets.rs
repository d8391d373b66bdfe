//! Bets on values, block by block, in each direction that is worse.

use serde::{Deserialize, Serialize};

use super::block::Block;
use super::by_version::ByVersion;
use super::censored_value::CensoredValue;
use super::mann_whitney;
use super::metric::Comparison;
use super::wealth::Wealth;
use crate::assignment::Version;

/// The bets on the values of one metric against one hypothesis.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ValueBets {
    /// The wealth of the bets in each of [`Direction::all`].
    wealth: Vec<Wealth>,
    block: Block,
}

/// The hypothesis that is bet against.
#[derive(Clone, Copy, Debug)]
pub(super) enum ValueHypothesis {
    /// Green is not worse than this margin allows.
    NotWorse(f64),
    /// Green is worse by this tolerance.
    WorseBy(f64),
}

/// The direction in which values are worse, and how a margin applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
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

// === impl ValueBets ===

impl ValueBets {
    /// Adds a value of a metric that is compared like this.
    pub(super) fn add(
        &mut self,
        comparison: Comparison,
        hypothesis: ValueHypothesis,
        version: Version,
        value: CensoredValue,
    ) {
        if let Some(values) = self.block.add(version, value) {
            self.bet(comparison, hypothesis, &values);
        }
    }

    /// Ends a tick: closes the block if it has enough values.
    pub(super) fn end_tick(&mut self, comparison: Comparison, hypothesis: ValueHypothesis) {
        let compares_means = matches!(comparison, Comparison::Share | Comparison::Lower);
        let min_blue = if compares_means { MIN_BLUE_FOR_MEAN } else { 1 };
        if let Some(values) = self.block.end_tick(min_blue) {
            self.bet(comparison, hypothesis, &values);
        }
    }

    /// Drops the values that wait for one of the other version.
    pub(super) fn drop_waiting(&mut self) {
        self.block = Block::default();
    }

    /// The wealth of the bets in each direction; empty before the first bet.
    pub(super) fn wealth(&self) -> &[Wealth] {
        &self.wealth
    }

    /// Adds the bets on values from elsewhere.
    pub(super) fn merge(&mut self, other: &Self) {
        self.wealth.resize(self.wealth.len().max(other.wealth.len()), Wealth::default());
        for (to, from) in self.wealth.iter_mut().zip(&other.wealth) {
            *to += *from;
        }
        self.block.merge(&other.block);
    }

    fn bet(
        &mut self,
        comparison: Comparison,
        hypothesis: ValueHypothesis,
        values: &ByVersion<Vec<CensoredValue>>,
    ) {
        let directions = Direction::all(comparison);
        self.wealth.resize(directions.len(), Wealth::default());
        for (wealth, direction) in self.wealth.iter_mut().zip(directions) {
            wealth.bet(match hypothesis {
                ValueHypothesis::NotWorse(margin) => direction.excess_over_margin(values, margin),
                ValueHypothesis::WorseBy(tolerance) => {
                    -direction.excess_over_margin(values, tolerance)
                }
            });
        }
    }
}

// === impl Direction ===

impl Direction {
    /// The directions in which a metric that is compared like this is worse; none for a rate.
    pub(super) fn all(comparison: Comparison) -> &'static [Self] {
        match comparison {
            Comparison::Rate | Comparison::Quantile => &[],
            Comparison::Higher => &[Self::Higher],
            Comparison::Lower => &[Self::LowerMean],
            Comparison::Either => &[Self::Higher, Self::Lower],
            Comparison::Share => &[Self::HigherMean],
        }
    }

    /// Whether means of values are compared, and not ranks.
    pub(super) fn compares_means(self) -> bool {
        matches!(self, Self::HigherMean | Self::LowerMean)
    }

    /// A value of green's as it would be if green were not worse by this margin or tolerance. Where
    /// means are compared, it applies to the mean: see [`Self::excess_of_means`].
    pub(super) fn without_excess(self, value: CensoredValue, excess: f64) -> CensoredValue {
        match self {
            Self::Higher => value.times(1.0 / (1.0 + excess)),
            Self::Lower => value.times(1.0 + excess),
            Self::HigherMean | Self::LowerMean => value,
        }
    }

    /// How much better green's mean score is than that of a green that is worse by the tolerance.
    /// Its expectation is at most 0 where green is worse by that.
    pub(super) fn excess_of_means(self, blue: f64, green: f64, tolerance: f64) -> f64 {
        match self {
            Self::Higher => blue - green,
            Self::Lower => green - blue,
            Self::HigherMean => blue + tolerance - green,
            Self::LowerMean => green + tolerance - blue,
        }
    }

    /// How much worse green is than the margin allows, from −1 to 1. Its expectation is at
    /// most 0 where green is not worse.
    fn excess_over_margin(self, values: &ByVersion<Vec<CensoredValue>>, margin: f64) -> f64 {
        let ByVersion { blue, green } = values;
        let factor = 1.0 + margin;
        match self {
            Self::Higher => {
                2.0 * mann_whitney::excess(
                    green.iter().map(|value| value.times(1.0 / factor)),
                    blue,
                )
            }
            Self::Lower => {
                -2.0 * mann_whitney::excess(green.iter().map(|value| value.times(factor)), blue)
            }
            // Means from 0 to 1 differ by at most 1, so this is at least −1.
            Self::HigherMean => (mean(green) - mean(blue) - margin) / factor,
            Self::LowerMean => (mean(blue) - mean(green) - margin) / factor,
        }
    }
}

fn mean(values: &[CensoredValue]) -> f64 {
    values.iter().map(|it| it.value).sum::<f64>() / values.len().max(1) as f64
}
