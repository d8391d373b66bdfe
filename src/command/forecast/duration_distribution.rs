//! The distribution of a predicted duration.

use super::duration_range::DurationRange;

/// The distribution of a duration, in seconds.
///
/// It is a list of durations in increasing order that are equally probable. Those of the ramps in which the
/// event does not come are infinite.
#[derive(Clone, Debug, PartialEq)]
pub struct DurationDistribution(Vec<f64>);

/// How many durations a distribution has.
const POINTS: usize = 100;

/// The probability that a duration is below each point.
fn probabilities() -> impl Iterator<Item = f64> {
    (0..POINTS).map(|point| (point as f64 + 0.5) / POINTS as f64)
}

// === impl DurationDistribution ===

impl DurationDistribution {
    /// A duration without spread.
    pub fn exactly(seconds: f64) -> Self {
        Self(vec![seconds; POINTS])
    }

    /// The distribution with these quantiles, by probability; `None` is infinite.
    pub fn from_quantiles(quantile: impl FnMut(f64) -> Option<f64>) -> Self {
        let quantiles = probabilities().map(quantile);
        Self(quantiles.map(|it| it.unwrap_or(f64::INFINITY)).collect())
    }

    /// The earlier of two events, where both come late in the same ramps.
    pub fn earlier(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a.min(*b)).collect())
    }

    /// The later of two independent events.
    pub fn later(&self, other: &Self) -> Self {
        self.of_pairs(other, f64::max)
    }

    /// The sum of two independent durations.
    pub fn then(&self, next: &Self) -> Self {
        self.of_pairs(next, |a, b| a + b)
    }

    /// The quantiles of 10, 50 and 90 %.
    pub fn range(&self) -> DurationRange {
        DurationRange {
            p10_s: self.quantile(0.1),
            median_s: self.quantile(0.5),
            p90_s: self.quantile(0.9),
        }
    }

    /// The mean of the points on both sides of a probability; `None` if one of them is infinite.
    fn quantile(&self, probability: f64) -> Option<f64> {
        let above = (probability * self.0.len() as f64).round() as usize;
        let below = self.0.get(above.checked_sub(1)?)?;
        Some((below + self.0.get(above)?) / 2.0).filter(|it| it.is_finite())
    }

    /// Of all pairs of durations, which are equally probable, every [`POINTS`]th.
    fn of_pairs(&self, other: &Self, of: impl Fn(f64, f64) -> f64) -> Self {
        let pairs = self.0.iter().flat_map(|a| other.0.iter().map(move |b| (*a, *b)));
        let mut all: Vec<f64> = pairs.map(|(a, b)| of(a, b)).collect();
        all.sort_unstable_by(f64::total_cmp);
        Self(all.into_iter().skip(POINTS / 2).step_by(POINTS).collect())
    }
}
