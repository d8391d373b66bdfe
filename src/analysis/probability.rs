//! Probabilities strictly between 0 and 1.

use serde::{Deserialize, Serialize};

/// The probability that a compared unit is on green.
///
/// It is greater than 0 and less than 1: with one version alone there is nothing to compare.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probability(f64);

// === impl Probability ===

impl Probability {
    /// This probability; `None` unless it lies strictly between 0 and 1.
    pub fn new(probability: f64) -> Option<Self> {
        (probability > 0.0 && probability < 1.0).then_some(Self(probability))
    }

    /// The probability that a unit that was on blue moves to green, when green's share grows
    /// from `before` to `now`, and `compared` of all units are compared, each from 0 to 1.
    ///
    /// Units that were on green before are not compared: they reflect an earlier assignment.
    pub fn for_new_unit(before: f64, now: f64, compared: f64) -> Option<Self> {
        Self::new((now - before) / (compared - before))
    }

    /// The probability that a response is green's, where only `fraction` of blue's responses
    /// are counted.
    pub fn with_blue_scaled(self, fraction: f64) -> Option<Self> {
        Self::new(self.0 / (self.0 + (1.0 - self.0) * fraction))
    }

    /// The probability as a number.
    pub fn get(self) -> f64 {
        self.0
    }
}
