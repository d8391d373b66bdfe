//! What to show people: the difference of two means, with an interval that may be looked
//! at all the time.
//!
//! It is for people only: the gates do not use it.
//!
//! Of rates, each version's has a confidence sequence of its own, which is exact at every
//! count, also where no event was seen: the mixture of likelihoods by Jeffreys' prior, as in
//! Robbins, *Statistical methods related to the law of the iterated logarithm*, Annals of
//! Mathematical Statistics 1970, and Waudby-Smith and Ramdas, *Estimating means of bounded
//! random variables by betting*, JRSS B 2024, section 2. The two are combined by Newcombe,
//! *Interval estimation for the difference between independent proportions*, Statistics in
//! Medicine 1998, method 10. The combination is asymptotic, and exact without events.
//!
//! Of other values the interval is asymptotic: a variance of nothing gives no width. Source:
//! Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, *Time-uniform central limit
//! theory and asymptotic confidence sequences* (arXiv 2103.06476), proposition 2.2 and
//! equation 14; Howard et al., *Time-uniform, nonparametric, nonasymptotic confidence
//! sequences*, Annals of Statistics 2021, for the mixture behind it.

use std::f64::consts::{FRAC_1_SQRT_2, PI};
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::by_version::ByVersion;

/// The number of values for which the interval is made to be narrowest: about as many as gates
/// decide with. With ten times as many it is wider by 7 % than it could be.
const TIGHTEST_AT: f64 = 1000.0;

/// A number of values, their sum and the sum of their squares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    /// How many values.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    squares: f64,
}

/// Where the difference of two means lies, green's less blue's. The limits are computed when
/// they are asked for, which a tick of a ramp does not do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConfidenceSequence {
    versions: ByVersion<Moments>,
    alpha: f64,
}

/// The limits of an interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// The smallest difference in it.
    pub low: f64,
    /// The largest one.
    pub high: f64,
}

// === impl Moments ===

impl Moments {
    /// Notes a value.
    pub fn add(&mut self, value: f64) {
        *self += Self { count: 1, sum: value, squares: value * value };
    }

    /// Of `count` values, `ones` are 1 and the others 0.
    pub fn from_rate(count: u64, ones: u64) -> Self {
        Self { count, sum: ones as f64, squares: ones as f64 }
    }

    /// The mean; `None` of nothing.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }

    /// Whether all values are 0 or 1: no others are equal to their squares.
    fn is_rate(&self) -> bool {
        self.squares == self.sum && self.sum <= self.count as f64
    }

    fn variance(&self) -> Option<f64> {
        let mean = self.mean()?;
        Some((self.squares / self.count as f64 - mean * mean).max(0.0))
    }
}

impl AddAssign for Moments {
    fn add_assign(&mut self, other: Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.squares += other.squares;
    }
}

// === impl Interval ===

impl ConfidenceSequence {
    /// The interval that, at all times together, misses the true difference with a chance
    /// of `alpha`. `None` while a version has no value.
    pub fn from_moments(versions: ByVersion<Moments>, alpha: f64) -> Option<Self> {
        let is_known = versions.blue.count > 0 && versions.green.count > 0;
        is_known.then_some(Self { versions, alpha })
    }

    /// The interval's limits; `None` where they are not numbers.
    pub fn limits(&self) -> Option<Limits> {
        let ByVersion { blue, green } = self.versions;
        let difference = green.mean()? - blue.mean()?;
        if green.is_rate() && blue.is_rate() {
            // Each version may miss with half of the chance.
            let (of_green, of_blue) =
                (rate_limits(green, self.alpha / 2.0)?, rate_limits(blue, self.alpha / 2.0)?);
            let (green, blue) = (green.mean()?, blue.mean()?);
            let below = libm::hypot(green - of_green.low, of_blue.high - blue);
            let above = libm::hypot(of_green.high - green, blue - of_blue.low);
            return Some(Limits { low: difference - below, high: difference + above });
        }
        let half_width = self.half_width()?;
        Some(Limits { low: difference - half_width, high: difference + half_width })
    }

    fn half_width(&self) -> Option<f64> {
        let Self { versions: ByVersion { blue, green }, alpha } = *self;
        let scatter = green.variance()? / green.count as f64 + blue.variance()? / blue.count as f64;
        let count = (green.count + blue.count) as f64;
        // The standard deviation of what one value adds to `count` times the difference.
        let deviation = libm::sqrt(count * scatter);
        let rho = mixture_at(TIGHTEST_AT, alpha);
        Some(deviation * normal_bound(count, rho, alpha) / count)
    }
}

/// How often the distance to a limit of a rate is halved: to less than what is shown.
const HALVINGS: usize = 40;

/// The limits that, at all times together, miss the true rate with a chance of `alpha`.
///
/// A rate `p` is outside where `B(s + ½, f + ½) / B(½, ½)` is more than `1/α` times
/// `p^s (1 − p)^f`, for `s` values of 1 and `f` of 0. See the sources above.
fn rate_limits(rate: Moments, alpha: f64) -> Option<Limits> {
    let (ones, count, mean) = (rate.sum, rate.count as f64, rate.mean()?);
    let zeros = count - ones;
    let log_gamma = |at: f64| libm::lgamma(at);
    let mixture =
        log_gamma(ones + 0.5) + log_gamma(zeros + 0.5) - log_gamma(count + 1.0) - libm::log(PI);
    let least = mixture + libm::log(alpha);
    let is_inside = |p: f64| {
        let of = |count: f64, log: f64| if count > 0.0 { count * log } else { 0.0 };
        of(ones, libm::log(p)) + of(zeros, libm::log1p(-p)) >= least
    };
    let limit = |mut outside: f64| {
        let mut inside = mean;
        for _ in 0..HALVINGS {
            let middle = (inside + outside) / 2.0;
            *(if is_inside(middle) { &mut inside } else { &mut outside }) = middle;
        }
        outside
    };
    Some(Limits {
        low: if ones > 0.0 { limit(0.0) } else { 0.0 },
        high: if zeros > 0.0 { limit(1.0) } else { 1.0 },
    })
}

/// The mixture's variance with which a bound at `alpha` is narrowest at a total variance
/// of `variance`.
///
/// `v / (2 ln(1/α) + ln(1 + 2 ln(1/α)))`: Howard et al., equation 3.5 and section 3.5.
pub fn mixture_at(variance: f64, alpha: f64) -> f64 {
    let twice = -2.0 * libm::log(alpha);
    variance / (twice + libm::log1p(twice))
}

/// What a sum of total variance `variance` exceeds, either way and ever, with a chance of
/// `alpha`: `√((v + ρ) · ln((v + ρ) / (ρ·α²)))`.
pub fn normal_bound(variance: f64, rho: f64, alpha: f64) -> f64 {
    let all = variance + rho;
    libm::sqrt(all * libm::log(all / (rho * alpha * alpha)))
}

/// The logarithm of the one-sided e-value of a sum of total variance `variance`.
///
/// `½ ln(ρ/(v+ρ)) + s²/(2(v+ρ)) + ln(2Φ(s/√(v+ρ)))`: Howard et al., equation 14 of the
/// appendix, the half-normal mixture. Tells people how sure a direction is.
pub fn normal_log_e(sum: f64, variance: f64, rho: f64) -> f64 {
    let all = variance + rho;
    let scaled = sum / libm::sqrt(all);
    let twice_below = libm::erfc(-scaled * FRAC_1_SQRT_2);
    0.5 * libm::log(rho / all) + scaled * scaled / 2.0 + libm::log(twice_below)
}
