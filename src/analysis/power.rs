//! The expected time to detect a regression, before a ramp runs.
//!
//! The expected logarithmic growth of a bet per response follows from the traffic, the share and
//! the size of the regression; the growth that it needs follows from α. Their ratio is the
//! time. Two effects are left out: the overshoot, and how the bets mix. They are small compared
//! with how much single ramps vary: eight of ten take between a quarter of the time and twice
//! the time. The table in `simulated.md` has both side by side. The time that answers take to
//! end comes on top.
//!
//! Source: Wald's identity, *Sequential Analysis*, 1947, section 3.5.

use super::by_version::ByVersion;
use super::probability::Probability;
use super::rate_ratio::RateRatioBets;
use super::wealth::{BETS, Wealth};

/// The regression to detect, and the traffic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PowerQuery {
    /// The responses per second for which the metric is known, of both versions together; where
    /// units count once, the units per second that are new to the step.
    pub per_second: f64,
    /// The probability that one of them is green's.
    pub green: Probability,
    /// How much worse green may be, as the excess over 1.
    pub margin: f64,
    /// How much worse green is, as the excess over 1.
    pub regression: f64,
}

/// The expected effort of a detection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExpectedDuration {
    /// The time, in seconds.
    pub seconds: f64,
    /// The number of green's responses.
    pub green_responses: f64,
}

// === impl PowerQuery ===

impl PowerQuery {
    /// The effort to detect that a rate is worse, where blue's rate is `base`. `None` where it
    /// is never detected, because the regression is within the margin.
    ///
    /// `metrics` is the number of critical gates, `steps` the number of steps.
    pub fn for_rate(
        self,
        base: f64,
        alpha: f64,
        metrics: usize,
        steps: usize,
    ) -> Option<ExpectedDuration> {
        let r = self.green.get();
        let bad_rate =
            ByVersion { blue: base * (1.0 - r), green: base * r * (1.0 + self.regression) };
        let bets = RateRatioBets::for_harm(self.green, self.margin);
        // The bets take whole numbers of bad events, so look at a million responses.
        let in_a_million = |rate: f64| (rate * 1e6) as u64;
        let bad =
            ByVersion { blue: in_a_million(bad_rate.blue), green: in_a_million(bad_rate.green) };
        self.expected(bets.wealth(bad).best() / 1e6, alpha, metrics, steps)
    }

    /// The effort to detect that values are higher. `spread` is the standard deviation of their
    /// natural logarithm.
    pub fn for_values(
        self,
        spread: f64,
        alpha: f64,
        metrics: usize,
        steps: usize,
    ) -> Option<ExpectedDuration> {
        let r = self.green.get();
        let shift = libm::log((1.0 + self.regression) / (1.0 + self.margin));
        // The probability that a value of green's is higher than one of blue's, minus ½, for two
        // normal variables whose means are `shift` apart.
        let mean = 0.5 * libm::erfc(-shift / (2.0 * spread)) - 0.5;
        // A block has the values of one second, but at most four of green's.
        let green_values = (self.per_second * r).clamp(1.0, 4.0);
        // Above 80 % that is less than one of blue's, which a block has at least.
        let most_blue_values = (4.0 * (1.0 - r) / r).max(1.0);
        let blue_values = (self.per_second * (1.0 - r)).clamp(1.0, most_blue_values);
        let variance = (1.0 / green_values + 1.0 / blue_values) / 12.0;
        let square = mean * mean + variance;
        let growth = Wealth::log_growth(2.0 * mean, 4.0 * square);
        self.expected(growth * r / green_values, alpha, metrics, steps)
    }

    /// The effort until the logarithm of the wealth is large enough, where each response adds
    /// `growth_per_response`.
    fn expected(
        self,
        growth_per_response: f64,
        alpha: f64,
        metrics: usize,
        steps: usize,
    ) -> Option<ExpectedDuration> {
        if growth_per_response.is_nan() || growth_per_response <= 0.0 {
            return None;
        }
        // One of the eight bets earns everything, in one metric; half of it is bet from the start.
        let starts = if steps > 1 { 2 } else { 1 };
        let needed = libm::log((BETS * metrics.max(1) * starts) as f64 / alpha);
        let responses = needed / growth_per_response;
        Some(ExpectedDuration {
            seconds: responses / self.per_second,
            green_responses: responses * self.green.get(),
        })
    }
}
