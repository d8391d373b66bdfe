//! Sums from which a mean and a variance follow.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// The count of values, their sum and the sum of their squares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    /// The count of values.
    pub count: u64,
    /// The sum of the values.
    pub sum: f64,
    squares: f64,
}

// === impl Moments ===

impl Moments {
    /// Adds a value.
    pub fn add(&mut self, value: f64) {
        *self += Self { count: 1, sum: value, squares: value * value };
    }

    /// The moments of `count` values, of which `ones` are 1 and the others 0.
    pub fn from_rate(count: u64, ones: u64) -> Self {
        Self { count, sum: ones as f64, squares: ones as f64 }
    }

    /// The mean; `None` without values.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }

    /// Whether all values are 0 or 1: no others equal their squares.
    pub fn is_rate(&self) -> bool {
        self.squares == self.sum && self.sum <= self.count as f64
    }

    /// The variance; `None` without values.
    pub fn variance(&self) -> Option<f64> {
        let mean = self.mean()?;
        Some((self.squares / self.count as f64 - mean * mean).max(0.0))
    }
}

impl AddAssign for Moments {
    fn add_assign(&mut self, other: Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.squares += other.squares;
    }
}
