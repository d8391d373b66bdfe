//! A green that is simply broken: absolute limits, looked at over a short time.
//!
//! A tripwire makes no comparison and has no guarantee; it is the operator's word that
//! above this nothing needs to be compared. A least number of responses keeps a single
//! failure from tripping it.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::interval::Moments;
use super::metric::{Comparison, Metric};

/// An absolute limit on green.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tripwire {
    /// What is limited: a rate's share of responses, or a value's mean.
    pub metric: Metric,
    /// The most that it may be; for a metric of which less is worse, the least.
    pub limit: f64,
    /// How many of green's responses it takes, at least.
    pub least: u64,
    /// How many seconds are looked back.
    pub window_s: u64,
}

/// Green's last seconds of one metric.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Window(VecDeque<(u64, Moments)>);

// === impl Tripwire ===

impl Tripwire {
    /// Whether it trips: then what was seen.
    pub fn trips(&self, window: &Window) -> Option<f64> {
        let seen = window.sum();
        let value = seen.mean().filter(|_| seen.count >= self.least)?;
        let is_over = match self.metric.comparison() {
            Comparison::Lower => value < self.limit,
            _ => value > self.limit,
        };
        is_over.then_some(value)
    }
}

// === impl Window ===

impl Window {
    /// Notes a value of green's, in this second.
    pub fn add(&mut self, second: u64, value: f64) {
        let mut moments = Moments::default();
        moments.add(value);
        self.add_all(second, moments);
    }

    /// Takes in what was noted elsewhere.
    pub fn merge(&mut self, other: &Self) {
        for (second, moments) in &other.0 {
            self.add_all(*second, *moments);
        }
    }

    /// Forgets what is as old as `window_s` seconds.
    pub fn forget(&mut self, now_s: u64, window_s: u64) {
        self.0.retain(|(second, _)| second.saturating_add(window_s) > now_s);
    }

    fn add_all(&mut self, second: u64, moments: Moments) {
        let at = self.0.partition_point(|(it, _)| *it < second);
        match self.0.get_mut(at) {
            Some((it, seen)) if *it == second => *seen += moments,
            _ => self.0.insert(at, (second, moments)),
        }
    }

    fn sum(&self) -> Moments {
        let mut sum = Moments::default();
        self.0.iter().for_each(|(_, moments)| sum += *moments);
        sum
    }
}
