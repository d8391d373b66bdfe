//! How many requests came in the last minute.
//!
//! Counters only grow. So a worker samples them every few seconds, and the requests since a
//! sample are the difference.

use std::collections::VecDeque;

use crate::analysis::ByVersion;

/// The counters of requests at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestTotals {
    /// All requests.
    pub all: ByVersion<u64>,
    /// Those that the share in force assigned.
    pub by_share: ByVersion<u64>,
}

/// The requests of the last seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecentCounts {
    /// How many seconds they cover: about a minute, or less in a young process.
    pub seconds: u64,
    /// The requests in these seconds.
    pub requests: RequestTotals,
}

/// Samples of the counters, the oldest first.
#[derive(Clone, Debug, Default)]
pub struct RecentRequests(VecDeque<Sample>);

#[derive(Clone, Copy, Debug)]
struct Sample {
    at_s: u64,
    totals: RequestTotals,
}

/// The seconds that are counted.
pub const WINDOW_S: u64 = 60;
/// The fewest seconds that are counted after a change of the share.
pub const MIN_WINDOW_S: u64 = 5;
/// The seconds between two samples.
const SAMPLE_EVERY_S: u64 = 10;

// === impl RecentRequests ===

impl RecentRequests {
    /// Whether it is time for the next sample, by the monotonic clock in seconds.
    pub fn is_due(&self, now_s: u64) -> bool {
        self.0.back().is_none_or(|it| now_s.saturating_sub(it.at_s) >= SAMPLE_EVERY_S)
    }

    /// Records the counters.
    pub fn record(&mut self, at_s: u64, totals: RequestTotals) {
        self.0.push_back(Sample { at_s, totals });
        // The newest sample that is old enough stays, and the younger ones.
        while self.0.get(1).is_some_and(|it| at_s.saturating_sub(it.at_s) >= WINDOW_S) {
            self.0.pop_front();
        }
    }

    /// The requests of the last minute, from the counters now. `None` before the first sample, and
    /// where the last one is too old: this worker samples no more.
    ///
    /// A share that has changed `changed_s_ago` seconds ago shows in later requests only. So from
    /// [`MIN_WINDOW_S`] on, only those are counted.
    pub fn counts(
        &self,
        now_s: u64,
        totals: RequestTotals,
        changed_s_ago: u64,
    ) -> Option<RecentCounts> {
        let age = |it: &Sample| now_s.saturating_sub(it.at_s);
        self.0.back().filter(|it| age(it) <= WINDOW_S)?;
        let is_old = |it: &&Sample| age(it) >= WINDOW_S;
        let is_after_change = |it: &&Sample| age(it) < changed_s_ago;
        let of_minute = self.0.iter().rev().find(is_old).or_else(|| self.0.front())?;
        let after_change = self.0.iter().find(is_after_change);
        let first = match after_change.filter(|it| age(it) >= MIN_WINDOW_S) {
            Some(after) if after.at_s > of_minute.at_s => after,
            _ => of_minute,
        };
        Some(RecentCounts { seconds: age(first), requests: totals - first.totals })
    }
}

// === impl RequestTotals ===

impl std::ops::Sub for RequestTotals {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        let since = |now: ByVersion<u64>, before: ByVersion<u64>| ByVersion {
            blue: now.blue.saturating_sub(before.blue),
            green: now.green.saturating_sub(before.green),
        };
        Self { all: since(self.all, before.all), by_share: since(self.by_share, before.by_share) }
    }
}
