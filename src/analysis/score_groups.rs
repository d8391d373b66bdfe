//! The variance of mean scores where one unit has several values.
//!
//! Ten values of one unit reveal less than ten values of ten units. The scores of a version are
//! put into [`GROUPS`] random groups by a hash of the unit, and the variance of their mean is that
//! of the groups. The design effect is its ratio to the variance that independent values have.
//!
//! Source: Kish, *Survey Sampling*, 1965, section 5 (random groups, ratio estimator); for ranks of
//! clustered values Rosner, Glynn and Lee, *Incorporation of clustering effects for the Wilcoxon
//! rank sum test*, Biometrics 2003, and Datta and Satten, JASA 2005.

use serde::{Deserialize, Serialize};

use super::design_effect::{GROUPS, group_of};

/// A score from 0 to 1, as a multiple of [`Score::STEP`], so that sums of scores are whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Score(u64);

/// The number and the sum of scores by random group of units.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreGroups {
    /// Empty until the first score.
    groups: Vec<ScoreSum>,
    /// The sum of the scores' squares, in multiples of the square of [`Score::STEP`].
    squares: u64,
}

/// The number and the sum of some scores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreSum {
    count: u64,
    sum: u64,
}

/// The mean of some scores, and how much it varies.
#[derive(Clone, Copy, Debug)]
pub struct ScoreSummary {
    /// All scores.
    pub total: ScoreSum,
    /// The variance of one score.
    pub variance: f64,
    /// The design effect: `[B/(B−1)] · Σ (Y − M·N)² / (V·ΣN)`, with `N` scores and their sum `Y`
    /// in each of `B` groups, the mean `M` and the variance `V` of all scores. At least 1.
    pub design_effect: f64,
}

// === impl Score ===

impl Score {
    const LEVELS: f64 = 4096.0;

    /// The distance of two neighbouring scores.
    pub const STEP: f64 = 1.0 / Self::LEVELS;

    /// The score that is nearest to a number from 0 to 1.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
    pub fn new(score: f64) -> Self {
        Self((score.clamp(0.0, 1.0) * Self::LEVELS + 0.5) as u64)
    }

    /// The score as a number from 0 to 1.
    pub fn get(self) -> f64 {
        self.0 as f64 * Self::STEP
    }
}

// === impl ScoreSum ===

impl ScoreSum {
    /// The number of scores.
    pub fn count(self) -> f64 {
        self.count as f64
    }

    /// The sum of the scores.
    pub fn sum(self) -> f64 {
        self.sum as f64 * Score::STEP
    }

    /// The mean; `None` without a score.
    pub fn mean(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum() / self.count())
    }

    fn add(&mut self, score: Score) {
        self.count += 1;
        self.sum += score.0;
    }

    fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.sum += other.sum;
    }
}

// === impl ScoreGroups ===

impl ScoreGroups {
    /// Adds a score of the unit with this hash.
    pub fn add(&mut self, unit: u64, score: Score) {
        self.groups.resize(GROUPS, ScoreSum::default());
        if let Some(group) = group_of(&mut self.groups, unit) {
            group.add(score);
        }
        self.squares += score.0 * score.0;
    }

    /// Adds the scores of other groups.
    pub fn merge(&mut self, other: &Self) {
        self.groups.resize(self.groups.len().max(other.groups.len()), ScoreSum::default());
        for (to, from) in self.groups.iter_mut().zip(&other.groups) {
            to.merge(*from);
        }
        self.squares += other.squares;
    }

    /// All scores.
    pub fn total(&self) -> ScoreSum {
        self.groups.iter().fold(ScoreSum::default(), |mut sum, group| {
            sum.merge(*group);
            sum
        })
    }

    /// The mean of the scores, and how much it varies.
    pub fn summary(&self) -> ScoreSummary {
        let total = self.total();
        let none = ScoreSummary { total, variance: 0.0, design_effect: 1.0 };
        let Some(mean) = total.mean() else { return none };
        let square = self.squares as f64 * Score::STEP * Score::STEP / total.count();
        let variance = (square - mean * mean).max(0.0);
        let independent = variance * total.count();
        if independent <= 0.0 {
            return none;
        }
        let squared_deviation = |group: &ScoreSum| {
            let deviation = group.sum() - mean * group.count();
            deviation * deviation
        };
        let observed: f64 = self.groups.iter().map(squared_deviation).sum();
        let groups = self.groups.len() as f64;
        let design_effect = (groups / (groups - 1.0) * observed / independent).max(1.0);
        ScoreSummary { total, variance, design_effect }
    }
}
