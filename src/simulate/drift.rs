//! How traffic and both versions change over the day.

use std::f64::consts::TAU;

/// A sinusoidal change of the requests per second, of all rates and of all values, alike for both
/// versions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drift {
    /// The length of a day, in seconds.
    pub period_s: u64,
    /// By which factor requests, rates and values are larger at the peak than in the mean of the
    /// logarithm; at the trough they are smaller by the same factor. At least 1.
    pub peak: f64,
}

// === impl Drift ===

impl Drift {
    /// The factor in this second of the run.
    pub(super) fn factor(self, second: u64) -> f64 {
        let phase = second as f64 / self.period_s.max(1) as f64;
        self.peak.powf((phase * TAU).sin())
    }
}
