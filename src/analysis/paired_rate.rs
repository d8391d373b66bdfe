//! Is a rate higher on green? The e-process over pairs of responses to the same request.
//!
//! A pair is *bad* if at least one of its responses is. With `G` and `B` the indicators that
//! green's and blue's response is bad, the hypothesis "green's rate is at most `1 + margin` times
//! blue's" says that the expectation of `G − (1 + margin)·B` is at most 0. Divided by `1 + margin`,
//! that is a number from −1 to 1, and [`Wealth::bet`] bets on it. A pair of two good responses
//! changes nothing. Without a margin a pair of two bad ones changes nothing either, and the test
//! is a sequential version of McNemar's: it bets on the signs of the discordant pairs.
//!
//! Each unit counts with its first bad pair. A unit meets both versions equally often, so which
//! response makes its first bad pair does not depend on how often it comes. Then the hypothesis is
//! that of each unit: none has a rate on green above `1 + margin` times its rate on blue.
//!
//! Sources: McNemar, *Note on the sampling error of the difference between correlated proportions
//! or percentages*, Psychometrika 1947; Waudby-Smith and Ramdas, *Estimating means of bounded random
//! variables by betting*, JRSS B 2024, for the bets on a bounded mean; Ville's inequality.

use serde::{Deserialize, Serialize};

use super::absolute_rate;
use super::plan::GateStepParams;
use super::wealth::{Wealth, log_mean_exp};

/// The sums of a rate over pairs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairedRate {
    /// Units with a pair in which the metric is known on both sides.
    pub units: u64,
    /// Those of [`Self::units`] in whose first such pair green's response was bad.
    green_bad_first: u64,
    /// Units by the first pair that was bad.
    pub first_bad: BadPairs,
}

/// Bad pairs by which of their responses was bad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadPairs {
    /// Both.
    pub both: u64,
    /// Only blue's.
    pub blue_only: u64,
    /// Only green's.
    pub green_only: u64,
}

/// Which responses of a pair are bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PairOutcome {
    pub blue_is_bad: bool,
    pub green_is_bad: bool,
}

// === impl PairedRate ===

impl PairedRate {
    /// Adds a pair. `is_first` is whether it is the first pair of its unit in which the metric is
    /// known, `is_first_bad` whether it is its first bad one.
    pub(super) fn add(&mut self, outcome: PairOutcome, is_first: bool, is_first_bad: bool) {
        self.units += u64::from(is_first);
        self.green_bad_first += u64::from(is_first && outcome.green_is_bad);
        if is_first_bad {
            self.first_bad.add(outcome);
        }
    }

    /// The wealth of the bets against "green's rate is not worse than the margin allows".
    pub(super) fn harm_wealth(&self, margin: f64) -> Wealth {
        self.first_bad.wealth(margin, 1.0)
    }

    /// The natural logarithm of the e-value against "green's rate is worse by the tolerance": the
    /// mean of the test of pairs and of that of green's own rate against the ceiling.
    pub(super) fn non_inferiority_log_e(&self, params: &GateStepParams) -> f64 {
        let by_pairs = self.first_bad.wealth(params.tolerance, -1.0).log_mean();
        let Some(ceiling) = params.ceiling else { return by_pairs };
        let below_ceiling = absolute_rate::wealth(ceiling, self.units, self.green_bad_first);
        log_mean_exp(&[by_pairs, below_ceiling.log_mean()])
    }

    /// Adds the sums of other units.
    pub(super) fn merge(&mut self, other: &Self) {
        self.units += other.units;
        self.green_bad_first += other.green_bad_first;
        self.first_bad.both += other.first_bad.both;
        self.first_bad.blue_only += other.first_bad.blue_only;
        self.first_bad.green_only += other.first_bad.green_only;
    }
}

// === impl BadPairs ===

impl BadPairs {
    /// Units whose first bad pair has a bad response of green's.
    pub(super) fn green(&self) -> u64 {
        self.both + self.green_only
    }

    fn add(&mut self, outcome: PairOutcome) {
        match (outcome.blue_is_bad, outcome.green_is_bad) {
            (true, true) => self.both += 1,
            (true, false) => self.blue_only += 1,
            (false, true) => self.green_only += 1,
            (false, false) => {}
        }
    }

    /// The wealth of the bets on `sign · (G − (1 + excess)·B) / (1 + excess)`.
    fn wealth(&self, excess: f64, sign: f64) -> Wealth {
        let factor = 1.0 + excess;
        let after = |green_bad: f64, blue_bad: f64, count: u64| {
            let mut wealth = Wealth::default();
            wealth.bet(sign * (green_bad - factor * blue_bad) / factor);
            wealth.times(count as f64)
        };
        after(1.0, 1.0, self.both)
            + after(0.0, 1.0, self.blue_only)
            + after(1.0, 0.0, self.green_only)
    }
}

// === impl PairOutcome ===

impl PairOutcome {
    pub fn is_bad(self) -> bool {
        self.blue_is_bad || self.green_is_bad
    }
}
