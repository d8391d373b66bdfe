//! A value that may be known only to be at least so large.
//!
//! A client that aborts a response ends its observation, not the response. So the time until then
//! is not the response's duration: the response would have lasted at least that long. In the
//! terms of survival analysis the duration is *censored*.

use std::cmp::Ordering;

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

    /// How this value compares with another one; `None` if that is not known.
    ///
    /// A censored value is larger than an exact one that is equal to its bound (Gehan 1965).
    pub fn compare(self, other: Self) -> Option<Ordering> {
        match (self.is_censored, other.is_censored) {
            (false, false) => self.value.partial_cmp(&other.value),
            (true, false) => (self.value >= other.value).then_some(Ordering::Greater),
            (false, true) => (self.value <= other.value).then_some(Ordering::Less),
            (true, true) => None,
        }
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
