//! How long it will take to tell: the arithmetic of a ramp before it runs.
//!
//! What a bet earns per response, on average, is a function of the traffic, the share
//! and the size of the regression; what it must have earned follows from α. Their ratio
//! is the time. What is left out, by how much the sum overshoots and how the bets mix,
//! is small beside how far single ramps scatter: eight of ten take between a quarter of
//! the time and twice as long. The table in `simulated.md` has both side by side. Answers
//! that take time to end come on top.
//!
//! Source: Wald's identity, *Sequential Analysis*, 1947, section 3.5.

use super::by_version::ByVersion;
use super::probability::Probability;
use super::rate_ratio::RateRatioBets;
use super::wealth::{BETS, Wealth};

/// What is to be told, and amid what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PowerQuery {
    /// The responses a second that tell of the metric, of both versions together; where
    /// units count once, the units a second that are new to the step.
    pub per_second: f64,
    /// The chance that one of them is green's.
    pub green: Probability,
    /// By how much green may be worse; the excess over 1.
    pub margin: f64,
    /// By how much it is worse; the excess over 1.
    pub regression: f64,
}

/// What the answer takes, on average.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExpectedDuration {
    /// The time, in seconds.
    pub seconds: f64,
    /// How many of green's responses.
    pub green_responses: f64,
}

// === impl Question ===

impl PowerQuery {
    /// What it takes to tell that a rate is worse that on blue is `base`. `None` where it
    /// never will be: the regression is within the margin.
    ///
    /// `metrics` is the number of critical gates, `steps` that of steps.
    pub fn for_rate(
        self,
        base: f64,
        alpha: f64,
        metrics: usize,
        steps: usize,
    ) -> Option<ExpectedDuration> {
        let r = self.green.get();
        let bad = ByVersion { blue: base * (1.0 - r), green: base * r * (1.0 + self.regression) };
        let bets = RateRatioBets::for_harm(self.green, self.margin);
        // A million responses, since bad events are counted.
        let million = |rate: f64| (rate * 1e6) as u64;
        let bad = ByVersion { blue: million(bad.blue), green: million(bad.green) };
        self.expected(bets.wealth(bad).best() / 1e6, alpha, metrics, steps)
    }

    /// What it takes to tell that values are higher, where they scatter so that their
    /// logarithm has the standard deviation `spread`.
    pub fn for_values(
        self,
        spread: f64,
        alpha: f64,
        metrics: usize,
        steps: usize,
    ) -> Option<ExpectedDuration> {
        let r = self.green.get();
        let shift = libm::log((1.0 + self.regression) / (1.0 + self.margin));
        // The chance that one of green's is higher than one of blue's, less ½, for two
        // normal variables a `shift` apart.
        let mean = 0.5 * libm::erfc(-shift / (2.0 * spread)) - 0.5;
        // A block has what comes in a second, at most four of green's.
        let greens = (self.per_second * r).clamp(1.0, 4.0);
        let blues = (self.per_second * (1.0 - r)).clamp(1.0, 4.0 * (1.0 - r) / r);
        let variance = (1.0 / greens + 1.0 / blues) / 12.0;
        let square = mean * mean + variance;
        let growth = Wealth::log_growth(2.0 * mean, 4.0 * square);
        self.expected(growth * r / greens, alpha, metrics, steps)
    }

    /// After what time the logarithm of the capital is what it must be, if each response
    /// earns `per_response`.
    fn expected(
        self,
        per_response: f64,
        alpha: f64,
        metrics: usize,
        steps: usize,
    ) -> Option<ExpectedDuration> {
        if per_response.is_nan() || per_response <= 0.0 {
            return None;
        }
        // One bet of eight has it all, in one metric; half of it plays from the start.
        let starts = if steps > 1 { 2 } else { 1 };
        let needed = libm::log((BETS * metrics.max(1) * starts) as f64 / alpha);
        let responses = needed / per_response;
        Some(ExpectedDuration {
            seconds: responses / self.per_second,
            green_responses: responses * self.green.get(),
        })
    }
}
