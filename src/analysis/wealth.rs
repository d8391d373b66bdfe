//! The wealth of eight bets, as logarithms.
//!
//! A gambler starts with a wealth of 1 and bets against a null hypothesis. If the hypothesis
//! is true, their wealth ever reaches 1/α with a probability of at most α, however long they
//! bet and whenever they look (Ville's inequality). The best stake is not known in advance, so
//! there are eight gamblers, each with a fixed strategy, and the mean of their wealth counts:
//! it is an *e-process* as well, and its value at any time is an *e-value*. Its logarithm is
//! stored, because wealth overflows.
//!
//! Source: Waudby-Smith and Ramdas, *Estimating means of bounded random variables by
//! betting*, JRSS B 2024; Ville, *Étude critique de la notion de collectif*, 1939.

use std::iter::Sum;
use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

/// The number of bets.
pub const BETS: usize = 8;

/// The fraction of its wealth that each bet stakes on an outcome between −1 and 1.
pub const STAKES: [f64; BETS] = [0.9, 0.6, 0.4, 0.25, 0.15, 0.08, 0.04, 0.02];

/// The natural logarithm of each bet's wealth. The wealth from separate data combines by
/// addition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Wealth([f64; BETS]);

// === impl Wealth ===

impl Wealth {
    /// The wealth of which `log_bet` gives the logarithm of each bet, by its index.
    pub fn from_log_bets(log_bet: impl FnMut(usize) -> f64) -> Self {
        Self(std::array::from_fn(log_bet))
    }

    /// Plays one round. Under the null hypothesis the expectation of `outcome`, which lies
    /// between −1 and 1, is at most 0.
    pub fn bet(&mut self, outcome: f64) {
        for (log, stake) in self.0.iter_mut().zip(STAKES) {
            *log += libm::log1p(stake * outcome.clamp(-1.0, 1.0));
        }
    }

    /// The wealth after `count` rounds that each earned this much.
    pub fn times(self, count: f64) -> Self {
        Self(self.0.map(|log| log * count))
    }

    /// The logarithm of the largest bet's wealth.
    pub fn best(self) -> f64 {
        self.0.into_iter().fold(f64::NEG_INFINITY, f64::max)
    }

    /// The logarithm of each bet's wealth.
    pub fn logs(self) -> [f64; BETS] {
        self.0
    }

    /// The expected logarithmic growth of the best bet in a round whose outcome has the mean
    /// `mean` and the mean square `square`: `s·μ − s²·q/2`, the logarithm's series to the
    /// second term.
    pub fn log_growth(mean: f64, square: f64) -> f64 {
        let growth = |stake: f64| stake * mean - stake * stake * square / 2.0;
        STAKES.into_iter().map(growth).fold(f64::NEG_INFINITY, f64::max)
    }

    /// The logarithm of the bets' mean wealth: the logarithm of the e-value.
    pub fn log_mean(self) -> f64 {
        log_mean_exp(&self.0)
    }
}

impl Add for Wealth {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

impl AddAssign for Wealth {
    fn add_assign(&mut self, other: Self) {
        for (log, other) in self.0.iter_mut().zip(other.0) {
            *log += other;
        }
    }
}

impl Sum for Wealth {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), Add::add)
    }
}

/// The logarithm of the mean of numbers that are given as logarithms.
pub fn log_mean_exp(logs: &[f64]) -> f64 {
    let weight = 1.0 / logs.len() as f64;
    log_weighted_sum_exp(logs.iter().map(|log| (weight, *log)))
}

/// The logarithm of the mean of the e-values of the directions in which values are worse, given as
/// logarithms. Before the first bet there are none, and the e-value is 1.
pub fn log_mean_of_directions(log_e: impl Iterator<Item = f64>) -> f64 {
    let log_e: Vec<f64> = log_e.collect();
    if log_e.is_empty() { 0.0 } else { log_mean_exp(&log_e) }
}

/// The logarithm of a weighted sum of numbers that are given as logarithms: one
/// `(weight, logarithm)` each. −∞ for an empty sum.
pub fn log_weighted_sum_exp(parts: impl Iterator<Item = (f64, f64)> + Clone) -> f64 {
    let largest = parts.clone().map(|(_, log)| log).fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return largest;
    }
    largest + libm::log(parts.map(|(weight, log)| weight * libm::exp(log - largest)).sum())
}
