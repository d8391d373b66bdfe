//! Kayenta, the judge of Spinnaker: a Mann-Whitney test at the end of each step.
//!
//! Each metric has a data point a minute, of the canary and of a baseline of the same size. At the
//! end of an interval the difference of location between the two has a confidence interval from the
//! Mann-Whitney test with 98 % confidence. A metric is *high* if the interval's lower limit exceeds
//! a quarter of the estimated difference. With two metrics of equal weight, one that is high leaves
//! a score of 50, which is below the marginal score of 75: the canary fails.
//!
//! The metrics are the error rate and the mean duration; only an increase fails. An interval
//! is a step, and has the data of that step alone, because the shares of two steps differ.
//!
//! Source: Kayenta at commit a69573b: `NetflixACAJudge.scala`, `MannWhitneyClassifier.scala` and
//! `NetflixJudgeConfigurationProperties.java` (the tolerance of 0.25, the confidence of 0.98),
//! `MannWhitney.scala` (the interval), `WeightedSumScorer.scala` (the score).

use super::minute::Minute;
use super::peer_rule::PeerRule;

/// The quantile of the standard normal distribution for a confidence of 98 %, both sides together.
const CONFIDENCE_QUANTILE: f64 = 2.326_347_874_040_8;

/// The fraction of the estimated difference that the interval's limit must exceed.
const TOLERANCE: f64 = 0.25;

/// How often the interval around a limit is halved.
const HALVINGS: usize = 40;

/// The rule of Kayenta's default judge.
#[derive(Default)]
pub(super) struct Kayenta {
    error_rates: Series,
    durations: Series,
}

/// The data points of one metric.
#[derive(Default)]
struct Series {
    baseline: Vec<f64>,
    canary: Vec<f64>,
}

// === impl Kayenta ===

impl PeerRule for Kayenta {
    fn is_worse(&mut self, minute: &Minute) -> bool {
        let Minute { baseline, green, .. } = minute;
        self.error_rates.baseline.extend(baseline.error_rate());
        self.error_rates.canary.extend(green.error_rate());
        self.durations.baseline.extend(baseline.mean_ms());
        self.durations.canary.extend(green.mean_ms());
        if !minute.is_last_of_step {
            return false;
        }
        let Self { error_rates, durations } = std::mem::take(self);
        error_rates.is_high() || durations.is_high()
    }
}

// === impl Series ===

impl Series {
    fn is_high(&self) -> bool {
        let Self { baseline, canary } = self;
        // Where all data points are equal, the test has no interval, and the metric no score.
        let limits = location_shift(canary, baseline, CONFIDENCE_QUANTILE)
            .zip(location_shift(canary, baseline, 0.0));
        limits.is_some_and(|(lower, estimate)| lower > TOLERANCE * estimate.abs())
    }
}

/// The shift of location at which the standardised Mann-Whitney statistic of `x`, shifted down,
/// against `y` falls to `quantile`; `None` where the statistic does not exist.
fn location_shift(x: &[f64], y: &[f64], quantile: f64) -> Option<f64> {
    let (min_x, max_x) = limits(x)?;
    let (min_y, max_y) = limits(y)?;
    let (mut low, mut high) = (min_x - max_y, max_x - min_y);
    let statistic = |shift: f64| standardised_statistic(x, y, shift);
    if statistic(low)? <= quantile {
        return Some(low);
    }
    if statistic(high)? >= quantile {
        return Some(high);
    }
    for _ in 0..HALVINGS {
        let middle = low.midpoint(high);
        match statistic(middle)? > quantile {
            true => low = middle,
            false => high = middle,
        }
    }
    Some(low.midpoint(high))
}

fn limits(values: &[f64]) -> Option<(f64, f64)> {
    let min = values.iter().copied().reduce(f64::min)?;
    let max = values.iter().copied().reduce(f64::max)?;
    Some((min, max))
}

/// The Mann-Whitney statistic of `x − shift` against `y`, standardised with a correction for ties
/// and for continuity; `None` where all values are tied.
fn standardised_statistic(x: &[f64], y: &[f64], shift: f64) -> Option<f64> {
    let (n, m) = (x.len() as f64, y.len() as f64);
    let shifted = x.iter().map(|value| (value - shift, true));
    let mut all: Vec<(f64, bool)> = shifted.chain(y.iter().map(|value| (*value, false))).collect();
    all.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (mut rank_sum, mut ties, mut below) = (0.0, 0.0, 0.0);
    for tied in all.chunk_by(|a, b| a.0 == b.0) {
        let count = tied.len() as f64;
        let of_x = tied.iter().filter(|(_, is_x)| *is_x).count() as f64;
        rank_sum += of_x * (below + (count + 1.0) / 2.0);
        ties += count.powi(3) - count;
        below += count;
    }
    let excess = rank_sum - n * (n + 1.0) / 2.0 - n * m / 2.0;
    let correction = if excess == 0.0 { 0.0 } else { 0.5 * excess.signum() };
    let variance = n * m / 12.0 * ((n + m + 1.0) - ties / ((n + m) * (n + m - 1.0)));
    (variance > 0.0).then(|| (excess - correction) / variance.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: [f64; 9] = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30];
    const Y: [f64; 9] = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.10, 1.29];

    fn is_near(found: Option<f64>, expected: f64) -> bool {
        found.is_some_and(|found| (found - expected).abs() < 1e-4)
    }

    /// The expected numbers are from ranks by definition: each value compared with each other one.
    #[test]
    fn statistic() {
        assert!(is_near(standardised_statistic(&X, &Y, 0.0), 1.502_69));
        assert_eq!(standardised_statistic(&[1.0, 1.0], &[1.0], 0.0), None, "all are tied");
    }

    /// The expected numbers are from a search through all differences of two values.
    #[test]
    fn limits_of_the_shift() {
        for (quantile, expected) in
            [(CONFIDENCE_QUANTILE, -0.56), (0.0, 0.56), (-CONFIDENCE_QUANTILE, 1.233)]
        {
            let found = location_shift(&X, &Y, quantile);
            assert!(is_near(found, expected), "{found:?} {expected}");
        }
    }

    #[test]
    fn only_a_clear_increase_is_high() {
        let low: Vec<f64> = (0..30).map(|it| 100.0 + f64::from(it % 7)).collect();
        let high: Vec<f64> = low.iter().map(|it| it + 20.0).collect();
        let is_high = |canary: &[f64], baseline: &[f64]| {
            Series { canary: canary.to_vec(), baseline: baseline.to_vec() }.is_high()
        };
        assert!(is_high(&high, &low));
        assert!(!is_high(&low, &high));
        assert!(!is_high(&low, &low));
    }
}
