//! How the versions behave in one metric.

use rand::rngs::SmallRng;
use rand_distr::{Distribution, StandardNormal};

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
    /// The standard deviation of the natural logarithm of the values; 0 for a rate.
    pub spread: f64,
    /// Green's rate or median as a multiple of blue's.
    pub green: f64,
}

/// The fraction of the variance of values that is between users.
pub const VARIANCE_BETWEEN_USERS: f64 = 0.5;

// === impl Behaviour ===

impl Behaviour {
    /// Whether the metric is a rate of events, and not a value.
    pub fn is_rate(&self) -> bool {
        matches!(self.metric.comparison(), Comparison::Rate | Comparison::Share)
    }

    /// A version's rate, or the median of its values.
    pub(super) fn center(&self, version: Version) -> f64 {
        match version {
            Version::Blue => self.blue,
            Version::Green => self.blue * self.green,
        }
    }

    /// A random value of a version. `user_deviation` is the user's standardised deviation; 0
    /// where users do not differ.
    pub(super) fn value(
        &self,
        version: Version,
        user_deviation: f64,
        random: &mut SmallRng,
    ) -> f64 {
        let own: f64 = StandardNormal.sample(random);
        let deviation = if user_deviation == 0.0 {
            own
        } else {
            user_deviation * VARIANCE_BETWEEN_USERS.sqrt()
                + own * (1.0 - VARIANCE_BETWEEN_USERS).sqrt()
        };
        self.center(version) * (self.spread * deviation).exp()
    }
}
