//! A test of two proportions at each minute, with Bonferroni's correction.
//!
//! One-sided, on the answers of the step so far: the fraction of errors, and the fraction of slow
//! answers. α is divided by the number of steps and metrics, and, with `looks`, by the number of
//! looks in a step: without it the test is what a dashboard with a p-value offers, which is valid
//! at one look that is fixed in advance.
//!
//! Source: the pooled z test, for example Fleiss, Levin and Paik, *Statistical Methods for Rates
//! and Proportions*, 3rd edition, section 3.2, without the correction for continuity.

use super::minute::{Minute, MinuteOfVersion};
use super::peer_rule::PeerRule;
use super::settings::PeerSettings;
use crate::analysis::ByVersion;

/// The number of metrics.
const METRICS: f64 = 2.0;

/// The least number of responses of each version.
const MIN_RESPONSES: u64 = 30;

/// The test of two proportions.
pub(super) struct TwoProportions {
    settings: PeerSettings,
    level: f64,
    counts: ByVersion<Counts>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Counts {
    responses: u64,
    errors: u64,
    slow: u64,
}

// === impl TwoProportions ===

impl TwoProportions {
    /// The test, corrected for so many looks in each step.
    pub fn new(settings: PeerSettings, looks: u64) -> Self {
        let level = settings.alpha / (METRICS * settings.steps as f64 * looks as f64);
        Self { settings, level, counts: ByVersion::default() }
    }
}

impl PeerRule for TwoProportions {
    fn is_worse(&mut self, minute: &Minute) -> bool {
        let slow_above_ms = self.settings.slow_above_ms;
        self.counts.blue.add(&minute.blue, slow_above_ms);
        self.counts.green.add(&minute.green, slow_above_ms);
        let ByVersion { blue, green } = self.counts;
        let p_values = [
            p_value((blue.errors, blue.responses), (green.errors, green.responses)),
            p_value((blue.slow, blue.responses), (green.slow, green.responses)),
        ];
        if minute.is_last_of_step {
            self.counts = ByVersion::default();
        }
        p_values.into_iter().flatten().any(|it| it <= self.level)
    }
}

// === impl Counts ===

impl Counts {
    fn add(&mut self, minute: &MinuteOfVersion, slow_above_ms: f64) {
        self.responses += minute.responses();
        self.errors += minute.errors;
        self.slow += minute.slower_than(slow_above_ms);
    }
}

/// The one-sided p-value of "green's proportion is not larger"; `None` with too few responses.
fn p_value(blue: (u64, u64), green: (u64, u64)) -> Option<f64> {
    if blue.1.min(green.1) < MIN_RESPONSES {
        return None;
    }
    let [blue_bad, blue_all, green_bad, green_all] =
        [blue.0, blue.1, green.0, green.1].map(|it| it as f64);
    let pooled = (blue_bad + green_bad) / (blue_all + green_all);
    let variance = pooled * (1.0 - pooled) * (1.0 / blue_all + 1.0 / green_all);
    let z = (green_bad / green_all - blue_bad / blue_all) / variance.sqrt();
    (variance > 0.0).then(|| 0.5 * libm::erfc(z / std::f64::consts::SQRT_2))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// z is 0.05 / sqrt(1/14 · 13/14 · 7/1200) = 2.542.
    #[test]
    fn a_p_value() {
        let found = p_value((20, 400), (30, 300));
        assert!(found.is_some_and(|it| (it - 0.005_511_7).abs() < 1e-6), "{found:?}");
        assert_eq!(p_value((20, 400), (20, 20)), None, "too few responses");
        assert_eq!(p_value((0, 400), (0, 300)), None, "no bad response");
    }
}
