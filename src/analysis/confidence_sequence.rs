//! Confidence sequences: intervals for the difference of two means that stay valid at every
//! look.
//!
//! They are shown to people. The gates do not decide by them.
//!
//! For rates, each version's rate has a confidence sequence of its own. It is exact at every
//! count, even where no event was seen: a mixture of likelihoods over Jeffreys' prior, as in
//! Robbins, *Statistical methods related to the law of the iterated logarithm*, Annals of
//! Mathematical Statistics 1970, and Waudby-Smith and Ramdas, *Estimating means of bounded
//! random variables by betting*, JRSS B 2024, section 2. The two are combined as in Newcombe,
//! *Interval estimation for the difference between independent proportions*, Statistics in
//! Medicine 1998, method 10. The combination is asymptotic, and exact where no event was seen.
//!
//! For other values the sequence is asymptotic: where the variance is 0, so is its width.
//! Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, *Time-uniform central limit
//! theory and asymptotic confidence sequences* (arXiv 2103.06476), proposition 2.2 and
//! equation 14; Howard et al., *Time-uniform, nonparametric, nonasymptotic confidence
//! sequences*, Annals of Statistics 2021, for the mixture behind it.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use super::by_version::ByVersion;
use super::moments::Moments;

/// The number of values at which the interval is narrowest: about as many as gates decide
/// with. With ten times as many it is 7 % wider than it could be.
const TIGHTEST_AT: f64 = 1000.0;

/// Where the difference of two means lies, green's minus blue's.
///
/// The limits are computed on demand, because a ramp's tick does not need them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConfidenceSequence {
    versions: ByVersion<Moments>,
    alpha: f64,
}

/// The limits of an interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// The lower limit.
    pub low: f64,
    /// The upper limit.
    pub high: f64,
}

// === impl ConfidenceSequence ===

impl ConfidenceSequence {
    /// The sequence that ever misses the true difference with a probability of at most `alpha`.
    /// `None` while a version has no value.
    pub fn from_moments(versions: ByVersion<Moments>, alpha: f64) -> Option<Self> {
        let has_both = versions.blue.count > 0 && versions.green.count > 0;
        has_both.then_some(Self { versions, alpha })
    }

    /// The limits of the interval; `None` where they cannot be computed.
    pub fn limits(&self) -> Option<Limits> {
        let ByVersion { blue, green } = self.versions;
        let difference = green.mean()? - blue.mean()?;
        if green.is_rate() && blue.is_rate() {
            // Each version's sequence may miss with half of the probability.
            let (green_limits, blue_limits) =
                (rate_limits(green, self.alpha / 2.0)?, rate_limits(blue, self.alpha / 2.0)?);
            let (green, blue) = (green.mean()?, blue.mean()?);
            let below = libm::hypot(green - green_limits.low, blue_limits.high - blue);
            let above = libm::hypot(green_limits.high - green, blue - blue_limits.low);
            return Some(Limits { low: difference - below, high: difference + above });
        }
        let half_width = self.half_width()?;
        Some(Limits { low: difference - half_width, high: difference + half_width })
    }

    fn half_width(&self) -> Option<f64> {
        let Self { versions: ByVersion { blue, green }, alpha } = *self;
        let variance_of_difference =
            green.variance()? / green.count as f64 + blue.variance()? / blue.count as f64;
        let count = (green.count + blue.count) as f64;
        // The standard deviation that one value contributes to `count` times the difference.
        let deviation = libm::sqrt(count * variance_of_difference);
        let rho = mixture_variance(TIGHTEST_AT, alpha);
        Some(deviation * normal_bound(count, rho, alpha) / count)
    }
}

/// The limits of the mean of values, as a sequence that ever misses it with a probability of at
/// most `alpha`; asymptotic, like that of a difference. `None` without values.
pub fn mean_limits(values: Moments, alpha: f64) -> Option<Limits> {
    let (mean, count) = (values.mean()?, values.count as f64);
    let rho = mixture_variance(TIGHTEST_AT, alpha);
    let half_width = libm::sqrt(values.variance()?) * normal_bound(count, rho, alpha) / count;
    Some(Limits { low: mean - half_width, high: mean + half_width })
}

/// The limits of a share of which `ones` of `count` values are seen, as a sequence that ever misses it with a
/// probability of at most `alpha`. `None` without values.
pub fn share_limits(count: u64, ones: u64, alpha: f64) -> Option<Limits> {
    rate_limits(Moments::from_rate(count, ones), alpha)
}

/// How often the distance to a rate's limit is halved: until it is below what is displayed.
const HALVINGS: usize = 40;

/// The limits of a rate's confidence sequence, which ever misses the true rate with a
/// probability of at most `alpha`.
///
/// For `s` values of 1 and `f` of 0, a rate `p` is outside where
/// `B(s + ½, f + ½) / B(½, ½)` exceeds `1/α` times `p^s (1 − p)^f`. See the sources above.
fn rate_limits(rate: Moments, alpha: f64) -> Option<Limits> {
    let (ones, count, mean) = (rate.sum, rate.count as f64, rate.mean()?);
    let zeros = count - ones;
    let log_gamma = |at: f64| libm::lgamma(at);
    let log_mixture =
        log_gamma(ones + 0.5) + log_gamma(zeros + 0.5) - log_gamma(count + 1.0) - libm::log(PI);
    let min_log_likelihood = log_mixture + libm::log(alpha);
    let is_inside = |p: f64| {
        // Zero times the logarithm of zero counts as zero.
        let term = |count: f64, log: f64| if count > 0.0 { count * log } else { 0.0 };
        term(ones, libm::log(p)) + term(zeros, libm::log1p(-p)) >= min_log_likelihood
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

/// The variance ρ of the mixture whose bound at `alpha` is narrowest where the total variance
/// is `variance`.
///
/// `v / (2 ln(1/α) + ln(1 + 2 ln(1/α)))`: Howard et al., equation 3.5 and section 3.5.
pub fn mixture_variance(variance: f64, alpha: f64) -> f64 {
    let twice = -2.0 * libm::log(alpha);
    variance / (twice + libm::log1p(twice))
}

/// The two-sided bound that a sum of total variance `variance` ever exceeds with a probability
/// of at most `alpha`: `√((v + ρ) · ln((v + ρ) / (ρ·α²)))`.
pub fn normal_bound(variance: f64, rho: f64, alpha: f64) -> f64 {
    let all = variance + rho;
    libm::sqrt(all * libm::log(all / (rho * alpha * alpha)))
}

/// The natural logarithm of the one-sided e-value of a sum of total variance `variance`.
///
/// `½ ln(ρ/(v+ρ)) + s²/(2(v+ρ)) + ln(2Φ(s/√(v+ρ)))`: Howard et al., equation 14 of the
/// appendix, the half-normal mixture.
pub fn normal_log_e(sum: f64, variance: f64, rho: f64) -> f64 {
    let all = variance + rho;
    let scaled = sum / libm::sqrt(all);
    let twice_below = libm::erfc(-scaled * FRAC_1_SQRT_2);
    0.5 * libm::log(rho / all) + scaled * scaled / 2.0 + libm::log(twice_below)
}
