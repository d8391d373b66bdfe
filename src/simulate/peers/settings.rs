//! The thresholds of the rules.

use crate::analysis::Metric;
use crate::simulate::behaviour::Behaviour;

/// What the operator of another tool must choose.
///
/// Thresholds follow from the truth about blue, which an operator can only estimate, and leave
/// green the margins that the gate has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PeerSettings {
    /// The largest error rate.
    pub max_error_rate: f64,
    /// The largest 99th percentile of durations, in milliseconds.
    pub max_p99_ms: f64,
    /// The duration above which a response is slow, in milliseconds: blue's 95th percentile.
    pub slow_above_ms: f64,
    /// The probability of a false rollback over the whole ramp.
    pub alpha: f64,
    /// The number of steps.
    pub steps: u64,
    /// The number of minutes in each step.
    pub minutes_of_step: u64,
}

/// The 95th percentile of the standard normal distribution.
const P95: f64 = 1.644_853_626_951_5;

/// The 99th percentile of the standard normal distribution.
const P99: f64 = 2.326_347_874_040_8;

// === impl PeerSettings ===

impl PeerSettings {
    /// The settings for a world with these behaviours, for so many steps.
    pub fn new(behaviours: &[Behaviour], alpha: f64, steps: u64, minutes_of_step: u64) -> Self {
        let of = |metric| behaviours.iter().find(|it| it.metric == metric);
        let error_rate = of(Metric::ErrorRate).map_or(0.01, |it| it.blue);
        let (median_ms, spread) =
            of(Metric::Duration).map_or((4000.0, 0.8), |it| (it.blue, it.spread));
        Self {
            max_error_rate: error_rate * (1.0 + Metric::ErrorRate.default_margin()),
            max_p99_ms: median_ms
                * (spread * P99).exp()
                * (1.0 + Metric::DurationP99.default_margin()),
            slow_above_ms: median_ms * (spread * P95).exp(),
            alpha,
            steps,
            minutes_of_step,
        }
    }
}
