//! When a verdict comes, and in which share of ramps.

use std::f64::consts::SQRT_2;

use super::duration_distribution::DurationDistribution;
use super::duration_range::DurationRange;
use super::evidence::LogWealths;

/// How many standard deviations are added to the mean for the quantiles of 10, 50 and 90 %.
pub(super) type Deviations = [f64; 3];

/// When a gate has a verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct VerdictForecast {
    /// The time until the verdict.
    pub after: DurationRange,
    /// The distribution of that time.
    pub distribution: DurationDistribution,
    /// The share of ramps that have the verdict within the longest time considered, from 0 to 1.
    pub share: f64,
}

/// The times at which the log-wealth of a bet reaches a threshold.
pub(super) struct VerdictTimes {
    threshold: f64,
    deviations: Deviations,
    /// The times of the quantiles of 10, 50 and 90 %, in seconds.
    found: [Option<f64>; 3],
    /// How many standard deviations the log-wealth is above the threshold, at most.
    highest: f64,
    /// The times at which that has grown, in seconds, each with the share of ramps that have the verdict
    /// by then.
    shares: Vec<(f64, f64)>,
}

/// The normal quantile of 90 %.
const Z_90: f64 = 1.2816;

/// The height above the threshold at which nearly all ramps have the verdict.
const COMPLETE: f64 = 4.0;

// === impl VerdictForecast ===

impl VerdictForecast {
    /// The earlier of two verdicts. Where both come late, they come in the same ramps.
    pub fn earlier(self, other: Self) -> Self {
        Self {
            after: self.after.earlier(other.after),
            distribution: self.distribution.earlier(&other.distribution),
            share: self.share.max(other.share),
        }
    }
}

// === impl VerdictTimes ===

impl VerdictTimes {
    pub(super) fn new(threshold: f64, deviations: Deviations) -> Self {
        Self {
            threshold,
            deviations,
            found: [None; 3],
            highest: f64::NEG_INFINITY,
            shares: Vec::new(),
        }
    }

    /// Takes the evidence after a time; times increase.
    pub(super) fn add(&mut self, seconds: f64, log_wealths: &LogWealths) {
        let height = |mean: f64, variance: f64| match mean - self.threshold {
            above if variance > 0.0 => above / variance.sqrt(),
            above if above >= 0.0 => f64::INFINITY,
            _ => f64::NEG_INFINITY,
        };
        let heights = log_wealths.iter().map(|it| height(it.mean, it.variance));
        let highest = heights.fold(self.highest, f64::max);
        if highest > self.highest {
            self.highest = highest;
            self.shares.push((seconds, self.share()));
        }
        for (found, deviation) in self.found.iter_mut().zip(self.deviations) {
            if found.is_none() && self.highest >= -deviation {
                *found = Some(seconds);
            }
        }
    }

    /// Whether later evidence changes nothing.
    pub(super) fn are_complete(&self) -> bool {
        self.found.iter().all(Option::is_some) && self.highest >= COMPLETE
    }

    /// The forecast, with a delay for each quantile, up to `max_s` seconds.
    pub(super) fn forecast(&self, delay_s: [f64; 3], max_s: f64) -> VerdictForecast {
        let mut delays = delay_s.into_iter();
        let [p10_s, median_s, p90_s] = self.found.map(|found| {
            let delay = delays.next().unwrap_or_default();
            found.map(|it| it + delay).filter(|it| *it <= max_s)
        });
        let mut shares = self.shares.iter().peekable();
        let distribution = DurationDistribution::from_quantiles(|probability| {
            while shares.next_if(|(_, share)| *share < probability).is_some() {}
            let seconds = shares.peek()?.0 + delay_at(delay_s, probability);
            Some(seconds).filter(|it| *it <= max_s)
        });
        let after = DurationRange { p10_s, median_s, p90_s };
        VerdictForecast { after, distribution, share: self.share() }
    }

    /// The share of ramps whose log-wealth reaches the threshold. The deviations have the height
    /// at the quantiles of 10, 50 and 90 %; between them the height is normal.
    fn share(&self) -> f64 {
        let [low, middle, high] = self.deviations.map(|it| -it);
        let side = if self.highest < middle { middle - low } else { high - middle };
        let z = (self.highest - middle) / side * Z_90;
        0.5 * libm::erfc(-z / SQRT_2)
    }
}

/// The delay at a probability, between the delays at the quantiles of 10, 50 and 90 %.
fn delay_at([low, middle, high]: [f64; 3], probability: f64) -> f64 {
    let (from, to, part) = match probability < 0.5 {
        true => (low, middle, (probability - 0.1) / 0.4),
        false => (middle, high, (probability - 0.5) / 0.4),
    };
    from + (to - from) * part.clamp(0.0, 1.0)
}
