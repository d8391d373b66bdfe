//! A value that may be known only to be at least so large.
//!
//! A client that aborts a response ends its observation, not the response. So the time until then
//! is not the response's duration: the response would have lasted at least that long. In the
//! terms of survival analysis the duration is *censored*.

use serde::{Deserialize, Serialize};

/// A value, or a lower bound of one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CensoredValue {
    /// The value, or its lower bound.
    pub value: f64,
    /// Whether the value is larger than [`Self::value`].
    pub is_censored: bool,
}

// === impl CensoredValue ===

impl CensoredValue {
    /// The same with the value multiplied by a positive factor.
    #[must_use]
    pub(super) fn times(self, factor: f64) -> Self {
        Self { value: self.value * factor, ..self }
    }

    /// The half wins of this value over `other`: 2 if it is larger, 0 if it is smaller, and 1 if both are
    /// equal or censoring hides which one is larger.
    ///
    /// A censored value is larger than an exact one that is equal to its bound (Gehan 1965). The code has no
    /// branch, because each value is compared with many others.
    pub fn half_wins(self, other: Self) -> u64 {
        let is_equal = self.value == other.value;
        let is_larger = (self.value > other.value) | (self.is_censored & is_equal);
        let is_smaller = (self.value < other.value) | (other.is_censored & is_equal);
        let wins = is_larger & !other.is_censored;
        let loses = is_smaller & !self.is_censored;
        1 + u64::from(wins) - u64::from(loses)
    }

    /// Whether the value is larger than `limit`; `None` if that is not known.
    pub fn exceeds(self, limit: f64) -> Option<bool> {
        let is_beyond = self.value > limit;
        (is_beyond || !self.is_censored).then_some(is_beyond)
    }
}

impl From<f64> for CensoredValue {
    /// A value that is known exactly.
    fn from(value: f64) -> Self {
        Self { value, is_censored: false }
    }
}
