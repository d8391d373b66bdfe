//! A chance that is neither nothing nor certain.

use serde::{Deserialize, Serialize};

/// The chance by which a unit of the compared traffic is green's: more than 0 and less
/// than 1, since with one version alone there is nothing to compare.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probability(f64);

// === impl Chance ===

impl Probability {
    /// This chance; `None` unless it lies between 0 and 1.
    pub fn new(chance: f64) -> Option<Self> {
        (chance > 0.0 && chance < 1.0).then_some(Self(chance))
    }

    /// The chance of a unit that was on blue to be green's after green's share grew.
    ///
    /// The units that green had before are not compared: they tell of an earlier choice.
    pub fn of_new_unit(before: f64, now: f64) -> Option<Self> {
        Self::new((now - before) / (1.0 - before))
    }

    /// The chance of a response to be green's where blue has only this part of its responses
    /// left.
    pub fn with_blue_scaled(self, part: f64) -> Option<Self> {
        Self::new(self.0 / (self.0 + (1.0 - self.0) * part))
    }

    /// As a number.
    pub fn get(self) -> f64 {
        self.0
    }
}
