//! How the versions behave in one metric.

use rand::rngs::SmallRng;
use rand_distr::{Distribution, StandardNormal};

use super::request::RequestDeviation;
use crate::analysis::Metric;
use crate::analysis::metric::Comparison;
use crate::assignment::Version;

/// How the versions behave in one metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Behaviour {
    /// The metric.
    pub metric: Metric,
    /// Blue's rate, or the median of its values.
    pub blue: f64,
    /// The standard deviation of the natural logarithm of the values; 0 for a rate. For a quantile,
    /// that of the time.
    pub spread: f64,
    /// Green's rate or median as a multiple of blue's; for a quantile, green's time.
    pub green: f64,
}

/// The fraction of the variance of values that is between users.
pub const VARIANCE_BETWEEN_USERS: f64 = 0.5;

// === impl Behaviour ===

impl Behaviour {
    /// Whether the metric is a rate of events, and not a value.
    pub fn is_rate(&self) -> bool {
        let comparison = self.metric.comparison();
        comparison.counts_events() || comparison == Comparison::Share
    }

    /// Green's rate of responses beyond a quantile as a multiple of blue's, if green's threshold is
    /// larger by an excess; the behaviour itself if its metric is no quantile.
    pub fn beyond_quantile(&self, excess: f64) -> Self {
        let Some(quantile) = self.metric.quantile() else { return *self };
        // The quantile of the standard normal distribution.
        let deviation = match quantile.quantile {
            it if it <= 0.90 => 1.281_551_565_544_6,
            it if it <= 0.95 => 1.644_853_626_951_5,
            _ => 2.326_347_874_040_8,
        };
        let threshold = deviation + ((1.0 + excess) / self.green).ln() / self.spread;
        let beyond = 0.5 * libm::erfc(threshold / std::f64::consts::SQRT_2);
        Self { green: beyond / self.blue, spread: 0.0, ..*self }
    }

    /// A version's rate, or the median of its values.
    pub(super) fn center(&self, version: Version) -> f64 {
        match version {
            Version::Blue => self.blue,
            Version::Green => self.blue * self.green,
        }
    }

    /// A random value of a version. `user_deviation` is the user's standardised deviation; 0
    /// where users do not differ. `request` is that of the request.
    pub(super) fn value(
        &self,
        version: Version,
        user_deviation: f64,
        request: RequestDeviation,
        random: &mut SmallRng,
    ) -> f64 {
        let own: f64 = StandardNormal.sample(random);
        let deviation = if user_deviation == 0.0 {
            own
        } else {
            user_deviation * VARIANCE_BETWEEN_USERS.sqrt()
                + own * (1.0 - VARIANCE_BETWEEN_USERS).sqrt()
        };
        self.center(version) * (self.spread * request.and(deviation)).exp()
    }
}
