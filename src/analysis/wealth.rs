//! The capital of eight bets, in logarithms.
//!
//! A gambler who starts with 1 and bets against a hypothesis that is true multiplies
//! that by 1/α only with a chance of α, however long they play and whenever they look
//! (Ville's inequality). How much to stake is not known beforehand, so eight play,
//! each with a fixed plan, and their mean counts: it is a fair game as well. That mean
//! is the *e-value*; it is kept as its logarithm, since capitals overflow.
//!
//! Source: Waudby-Smith and Ramdas, *Estimating means of bounded random variables by
//! betting*, JRSS B 2024; Ville, *Étude critique de la notion de collectif*, 1939.

use std::iter::Sum;
use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

/// How many bets are played at once.
pub const BETS: usize = 8;

/// What share of the capital each bet stakes on a value between −1 and 1.
pub const STAKES: [f64; BETS] = [0.9, 0.6, 0.4, 0.25, 0.15, 0.08, 0.04, 0.02];

/// The natural logarithm of each bet's capital. Capitals of what was seen apart are
/// put together by addition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Wealth([f64; BETS]);

// === impl Capital ===

impl Wealth {
    /// What each bet has, by its place.
    pub fn from_log_bets(logs: impl FnMut(usize) -> f64) -> Self {
        Self(std::array::from_fn(logs))
    }

    /// The outcome of one round, between −1 and 1, of which the hypothesis says that it
    /// is not above 0 on average.
    pub fn bet(&mut self, outcome: f64) {
        for (log, stake) in self.0.iter_mut().zip(STAKES) {
            *log += libm::log1p(stake * outcome.clamp(-1.0, 1.0));
        }
    }

    /// This, as if `count` had been of it.
    pub fn times(self, count: f64) -> Self {
        Self(self.0.map(|log| log * count))
    }

    /// The logarithm of the richest bet's capital.
    pub fn best(self) -> f64 {
        self.0.into_iter().fold(f64::NEG_INFINITY, f64::max)
    }

    /// The logarithm of each bet's capital.
    pub fn logs(self) -> [f64; BETS] {
        self.0
    }

    /// What the best of the stakes earns in a round whose outcome has this mean and this
    /// mean square, on average: `s·μ − s²·q/2`, the logarithm's series to the second term.
    pub fn log_growth(mean: f64, square: f64) -> f64 {
        let of = |stake: f64| stake * mean - stake * stake * square / 2.0;
        STAKES.into_iter().map(of).fold(f64::NEG_INFINITY, f64::max)
    }

    /// The logarithm of the bets' mean capital.
    pub fn log_mean(self) -> f64 {
        log_mean(&self.0)
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
    fn sum<I: Iterator<Item = Self>>(capitals: I) -> Self {
        capitals.fold(Self::default(), Add::add)
    }
}

/// The logarithm of the mean of what these are the logarithms of.
pub fn log_mean(logs: &[f64]) -> f64 {
    let weight = 1.0 / logs.len() as f64;
    log_weighted_sum_exp(logs.iter().map(|log| (weight, *log)))
}

/// The logarithm of the weighted sum of what these are the logarithms of: `(weight,
/// logarithm)` each. Nothing at all is −∞.
pub fn log_weighted_sum_exp(parts: impl Iterator<Item = (f64, f64)> + Clone) -> f64 {
    let most = parts.clone().map(|(_, log)| log).fold(f64::NEG_INFINITY, f64::max);
    if most == f64::NEG_INFINITY {
        return most;
    }
    most + libm::log(parts.map(|(weight, log)| weight * libm::exp(log - most)).sum())
}
