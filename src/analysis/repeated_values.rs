//! Is green safe, or worse, by the values of units that come again?
//!
//! A unit's first value in a step is an independent observation; its later ones are not. Here they
//! count nevertheless, with the variance that they have:
//!
//! 1. Each value is scored: by its mid-rank among blue's newest values before it, or, where means
//!    are compared, by itself. The score depends only on what came before, so whatever drifts with
//!    time drifts in both versions' scores.
//! 2. Under "green is worse by the tolerance" the mean score of green's values, divided by
//!    1 + tolerance, is at least that of blue's. With `g` and `b` scores of the versions, let
//!    `S = g·(mean of blue − mean of green)`, and `V = D·g·(1 + g/b)·σ²` its variance: `σ²` is that
//!    of one score, `D` the [design effect](super::score_groups) of a unit's several values.
//! 3. `exp(λS − λ²V/2)` is a bet on that, with a stake `λ`. There are eight stakes, in proportion
//!    to [`STAKES`] and to `1/D`. Their mean is an e-value.
//! 4. Under "green is not worse than the margin allows", with green's values divided by
//!    1 + margin, the bets are on `−S`.
//!
//! `D` is estimated and `S` is only nearly normal, so this e-value is an approximation where units
//! are few. Simulation has its error rates (`simulated.md`). The e-value of units' first values is
//! exact, and the test uses the mean of both.
//!
//! **Censoring.** An aborted response's time is a lower bound. A pair of values counts as a tie
//! where censoring hides which one is higher, as in Gehan's statistic
//! ([`mann_whitney`](super::mann_whitney)). A score is the mean of such pairs, so the same proof
//! applies: blue's scores against blue's values have the mean ½, those of a green that is worse by
//! the tolerance at least ½, however differently the versions are censored. Without the censored
//! values, a version whose slow responses are aborted would look fast. Censored scores vary less
//! than [`MIN_VARIANCE`], so they cost evidence.
//!
//! Sources: Robbins, *Statistical methods related to the law of the iterated logarithm*, 1970
//! (mixtures of normal likelihood ratios); Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, arXiv
//! 2103.06476 (asymptotic validity with an estimated variance).

use serde::{Deserialize, Serialize};

use super::censored_value::CensoredValue;
use super::metric::Comparison;
use super::score_groups::{Score, ScoreGroups};
use super::value_bets::Direction;
use super::wealth::{STAKES, log_mean_exp};
use crate::assignment::Version;

/// The scores of one gate's values in one step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RepeatedValues {
    /// Blue's newest values, the oldest one first.
    newest: Vec<CensoredValue>,
    /// Blue's scores.
    blue: ScoreGroups,
    /// Green's scores in each direction that is worse, if green is worse by the tolerance.
    green: Vec<ScoreGroups>,
    /// The same if green is worse by the margin.
    green_at_margin: Vec<ScoreGroups>,
}

/// How much worse green may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowances {
    pub margin: f64,
    pub tolerance: f64,
}

/// A value is ranked among so many of blue's.
const NEWEST: usize = 64;

/// Before blue has had so many values, none is scored.
const MIN_NEWEST: usize = 16;

/// The stake of a bet is this multiple of its [`STAKES`].
///
/// The best stake is `(mean of blue − mean of green) / (D·σ²·(1 + g/b))`: about 2 for the largest
/// default tolerance, and 0.2 for the smallest, where `D` is 1.
pub const STAKE: f64 = 4.0;

/// By how many standard errors green's scores may be beyond the margin before green looks worse.
///
/// At one, a green that is like blue looks worse in 1 of 6 cases if there is no margin, and in 1 of
/// 40 if the margin is one standard error. Simulation has what it costs (`simulated.md`).
pub const LOOKS_WORSE: f64 = 1.0;

/// The variance of one score counts as that of a uniform distribution at least, which ranks have
/// without ties.
pub const MIN_VARIANCE: f64 = 1.0 / 12.0;

/// `S`, the sum by which green's scores are better than those of a green that is worse by an excess.
#[derive(Clone, Copy, Debug)]
struct SumOfScores {
    better: f64,
    variance: f64,
    design_effect: f64,
}

// === impl SumOfScores ===

impl SumOfScores {
    /// The sum by which green's scores are worse.
    fn reversed(self) -> Self {
        Self { better: -self.better, ..self }
    }

    /// The natural logarithm of the bets' mean wealth.
    fn log_e(self) -> f64 {
        let Self { better, variance, design_effect } = self;
        log_mean_exp(&STAKES.map(|stake| {
            let stake = STAKE * stake / design_effect;
            stake * better - stake * stake * variance / 2.0
        }))
    }
}

// === impl RepeatedValues ===

impl RepeatedValues {
    /// Adds a value of a unit, of a metric that is compared like this.
    pub(super) fn add(
        &mut self,
        comparison: Comparison,
        allowances: Allowances,
        (version, unit): (Version, u64),
        value: CensoredValue,
    ) {
        let directions = Direction::all(comparison);
        if self.newest.len() >= MIN_NEWEST {
            match version {
                Version::Blue => self.blue.add(unit, self.score(directions, value)),
                Version::Green => {
                    let scores = |excess: f64| -> Vec<Score> {
                        let without = |it: &Direction| it.without_excess(value, excess);
                        directions.iter().map(|it| self.score(directions, without(it))).collect()
                    };
                    let at_margin = scores(allowances.margin);
                    let at_tolerance = scores(allowances.tolerance);
                    add_scores(&mut self.green_at_margin, unit, at_margin);
                    add_scores(&mut self.green, unit, at_tolerance);
                }
            }
        }
        if version == Version::Blue {
            if self.newest.len() >= NEWEST {
                self.newest.remove(0);
            }
            self.newest.push(value);
        }
    }

    /// The natural logarithm of the e-value against "green is worse by the tolerance": the smallest
    /// one of the directions, because all must be safe. `None` before both versions have a score.
    pub(super) fn non_inferiority_log_e(
        &self,
        comparison: Comparison,
        tolerance: f64,
    ) -> Option<f64> {
        let directions = Direction::all(comparison).iter().zip(&self.green);
        let log_e =
            directions.filter_map(|(direction, green)| self.log_e(*direction, green, tolerance));
        log_e.reduce(f64::min)
    }

    /// Whether green looks worse than the margin allows: in a direction, its mean score is beyond
    /// that of a green that is worse by the margin, by more than [`LOOKS_WORSE`] standard errors.
    pub(super) fn looks_worse(&self, comparison: Comparison, margin: f64) -> bool {
        let mut directions = Direction::all(comparison).iter().zip(&self.green_at_margin);
        directions.any(|(direction, green)| {
            self.sum_of_scores(*direction, green, margin)
                .is_some_and(|sum| -sum.better > LOOKS_WORSE * libm::sqrt(sum.variance))
        })
    }

    /// The natural logarithm of the e-value against "green is not worse than the margin allows": the
    /// mean of the directions' e-values. `None` before both versions have a score.
    pub(super) fn harm_log_e(&self, comparison: Comparison, margin: f64) -> Option<f64> {
        let directions = Direction::all(comparison).iter().zip(&self.green_at_margin);
        let log_e: Vec<f64> = directions
            .filter_map(|(direction, green)| self.sum_of_scores(*direction, green, margin))
            .map(|sum| sum.reversed().log_e())
            .collect();
        (!log_e.is_empty()).then(|| log_mean_exp(&log_e))
    }

    fn log_e(&self, direction: Direction, green: &ScoreGroups, tolerance: f64) -> Option<f64> {
        Some(self.sum_of_scores(direction, green, tolerance)?.log_e())
    }

    /// `S` and its variance, where green's values are scored with this excess; `None` before both
    /// versions have a score.
    fn sum_of_scores(
        &self,
        direction: Direction,
        green: &ScoreGroups,
        excess: f64,
    ) -> Option<SumOfScores> {
        let (blue, green) = (self.blue.summary(), green.summary());
        let better = direction.excess_of_means(blue.total.mean()?, green.total.mean()?, excess);
        let (blue_count, green_count) = (blue.total.count(), green.total.count());
        // Each version's values may form the larger clusters.
        let design_effect = blue.design_effect.max(green.design_effect);
        let variance = blue.variance.max(green.variance).max(MIN_VARIANCE);
        Some(SumOfScores {
            better: green_count * better,
            variance: design_effect * variance * green_count * (1.0 + green_count / blue_count),
            design_effect,
        })
    }

    /// Adds the scores of the same gate and step from elsewhere.
    pub(super) fn merge(&mut self, other: &Self) {
        self.newest.extend(&other.newest);
        self.newest.truncate(NEWEST);
        self.blue.merge(&other.blue);
        merge_scores(&mut self.green, &other.green);
        merge_scores(&mut self.green_at_margin, &other.green_at_margin);
    }

    /// The score of a value: itself where means are compared, otherwise its mid-rank among blue's
    /// newest values. A value is equal to those of which censoring hides which one is higher.
    fn score(&self, directions: &[Direction], value: CensoredValue) -> Score {
        if directions.iter().any(|it| it.compares_means()) {
            return Score::new(value.value);
        }
        let half_wins: u64 = self.newest.iter().map(|other| value.half_wins(*other)).sum();
        Score::new(half_wins as f64 / (2 * self.newest.len().max(1)) as f64)
    }
}

/// Adds a unit's score in each direction.
fn add_scores(to: &mut Vec<ScoreGroups>, unit: u64, scores: Vec<Score>) {
    to.resize(scores.len(), ScoreGroups::default());
    to.iter_mut().zip(scores).for_each(|(groups, score)| groups.add(unit, score));
}

fn merge_scores(to: &mut Vec<ScoreGroups>, from: &[ScoreGroups]) {
    to.resize(to.len().max(from.len()), ScoreGroups::default());
    to.iter_mut().zip(from).for_each(|(to, from)| to.merge(from));
}
