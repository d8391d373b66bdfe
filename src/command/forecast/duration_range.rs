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
    /// A duration without spread.
    pub fn exactly(seconds: f64) -> Self {
        Self { p10_s: Some(seconds), median_s: Some(seconds), p90_s: Some(seconds) }
    }

    /// The earlier of two events, quantile by quantile.
    pub fn earlier(self, other: Self) -> Self {
        self.combine(other, |a, b| match (a, b) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        })
    }

    /// The later of two events, quantile by quantile.
    pub fn later(self, other: Self) -> Self {
        self.combine(other, |a, b| Some(a?.max(b?)))
    }

    /// The duration of an event that comes in this share of ramps only, from 0 to 1.
    pub fn in_share(self, share: f64) -> Self {
        Self {
            p10_s: self.p10_s.filter(|_| share >= 0.1),
            median_s: self.median_s.filter(|_| share >= 0.5),
            p90_s: self.p90_s.filter(|_| share >= 0.9),
        }
    }

    fn combine(self, other: Self, of: impl Fn(Option<f64>, Option<f64>) -> Option<f64>) -> Self {
        Self {
            p10_s: of(self.p10_s, other.p10_s),
            median_s: of(self.median_s, other.median_s),
            p90_s: of(self.p90_s, other.p90_s),
        }
    }

    /// The sum of two independent durations. Their deviations from the median are independent,
    /// so the squares of the deviations add up.
    pub fn then(self, next: Self) -> Self {
        let difference = |from: Option<f64>, to: Option<f64>| Some(to? - from?);
        let combined = |a: Option<f64>, b: Option<f64>| Some(a?.hypot(b?));
        let below =
            combined(difference(self.p10_s, self.median_s), difference(next.p10_s, next.median_s));
        let above =
            combined(difference(self.median_s, self.p90_s), difference(next.median_s, next.p90_s));
        let median_s = self.median_s.zip(next.median_s).map(|(a, b)| a + b);
        Self {
            p10_s: difference(below, median_s),
            median_s,
            p90_s: above.zip(median_s).map(|(above, median)| median + above),
        }
    }
}
