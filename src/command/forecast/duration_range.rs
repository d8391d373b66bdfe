//! A predicted duration with its spread.

use serde::Serialize;

/// Quantiles of a duration, in seconds; `None` where it exceeds the longest time considered.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct DurationRange {
    /// The duration that one ramp in ten stays below.
    pub p10_s: Option<f64>,
    /// The median.
    pub median_s: Option<f64>,
    /// The duration that nine ramps in ten stay below.
    pub p90_s: Option<f64>,
}

// === impl DurationRange ===

impl DurationRange {
    /// The earlier of two events, quantile by quantile.
    pub fn earlier(self, other: Self) -> Self {
        let earlier = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Self {
            p10_s: earlier(self.p10_s, other.p10_s),
            median_s: earlier(self.median_s, other.median_s),
            p90_s: earlier(self.p90_s, other.p90_s),
        }
    }

    /// The duration of an event that comes in this share of ramps only, from 0 to 1.
    pub fn in_share(self, share: f64) -> Self {
        Self {
            p10_s: self.p10_s.filter(|_| share >= 0.1),
            median_s: self.median_s.filter(|_| share >= 0.5),
            p90_s: self.p90_s.filter(|_| share >= 0.9),
        }
    }
}
