//! What the judge has cost in the current day of UTC.

use serde::{Deserialize, Serialize};

/// What the judge has cost in a day of UTC. All workers of an Envoy share it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// The day, counted from 1970-01-01.
    day: u64,
    spent_microusd: u64,
}

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

// === impl Ledger ===

impl Ledger {
    /// Adds a cost in millionths of a US dollar, at a time in milliseconds since 1970.
    #[must_use]
    pub fn with_cost(self, cost_microusd: u64, unix_ms: u64) -> Self {
        let spent_microusd = self.spent_microusd(unix_ms).saturating_add(cost_microusd);
        Self { day: self.day_at(unix_ms), spent_microusd }
    }

    /// What was spent on the day of this time, in millionths of a US dollar.
    pub fn spent_microusd(&self, unix_ms: u64) -> u64 {
        if self.day_at(unix_ms) == self.day { self.spent_microusd } else { 0 }
    }

    /// The ceiling of one Envoy, in millionths of a US dollar, of a ceiling that so many share: each has
    /// an equal part, so that all of them together stay below the whole.
    pub fn part_of_ceiling(max_cost_microusd: u64, instances: u32) -> u64 {
        max_cost_microusd / u64::from(instances.max(1))
    }

    /// Whether the ceiling is reached.
    pub fn is_exhausted(&self, max_cost_microusd: u64, unix_ms: u64) -> bool {
        self.spent_microusd(unix_ms) >= max_cost_microusd
    }

    /// The day that a cost at this time belongs to.
    ///
    /// A clock that was set back to the day before does not begin a day again. One that was days ahead has
    /// counted days that are still to come: those would be without a judge.
    fn day_at(&self, unix_ms: u64) -> u64 {
        let today = unix_ms / DAY_MS;
        if self.day > today.saturating_add(1) { today } else { self.day.max(today) }
    }
}
