//! Is a metric known equally well of both versions?
//!
//! A comparison assumes that whether a response tells of a metric has nothing to do with the
//! version. Where green's bodies are compressed and blue's are not, that does not hold: the
//! refusals of the one are seen and those of the other are not. So each gate knows of how
//! many units its metric should have been told and was not. If that does not depend on the
//! version, each such unit is green's with the chance that the weights give, which is what
//! [`mismatch`](super::sample_ratio) tests.

use super::by_version::ByVersion;
use super::evidence::Coverage;
use super::probability::Probability;
use super::sample_ratio;

/// The e-value from which the metric is held to be missing more often on one version.
/// Without memory: it is looked at anew each time, and a chance finding passes.
const UNEVEN_E_VALUE: f64 = 20.0;

/// By how much the shares of units with something missing must differ to matter.
const MIN_DIFFERENCE: f64 = 0.05;

/// From so many units on, a metric that is known of none of them is known on one side only.
const MIN_UNITS: u64 = 20;

// === impl Coverage ===

impl Coverage {
    /// Whether what is known of the metric could make green look worse than it is: most of
    /// blue's units have something missing, and most of green's do not. However few there are:
    /// what cannot be seen on blue is no evidence against green. What is missing on green can
    /// only hide harm.
    pub fn is_missing_on_most_of_blue(&self, units: ByVersion<u64>) -> bool {
        let is_most = |missing: u64, units: u64| missing > 0 && missing.saturating_mul(2) > units;
        is_most(self.missing.blue, units.blue) && !is_most(self.missing.green, units.green)
    }

    /// Whether the metric is known of one version only, or of unequal parts of both. `green`
    /// is the chance that a unit is green's, `units` are those that were assigned.
    pub fn is_uneven(&self, green: Probability, units: ByVersion<u64>) -> bool {
        self.is_missing_on_most_of_blue(units)
            || self.is_one_sided(units)
            || self.is_missing_unevenly(green, units)
    }

    /// Whether the metric is missing for a larger part of green's units than of blue's.
    pub fn misses_more_on_green(&self, units: ByVersion<u64>) -> bool {
        let shares = self.missing_shares(units);
        shares.green > shares.blue
    }

    /// Whether anything is known of the metric, or should be.
    pub fn has_no_data(&self) -> bool {
        let Self { known, missing } = self;
        known.blue == 0 && known.green == 0 && (missing.blue == 0) == (missing.green == 0)
    }

    /// The part of each version's units for which the metric is missing.
    fn missing_shares(&self, units: ByVersion<u64>) -> ByVersion<f64> {
        let share = |missing: u64, units: u64| missing as f64 / units.max(1) as f64;
        ByVersion {
            blue: share(self.missing.blue, units.blue),
            green: share(self.missing.green, units.green),
        }
    }

    fn is_one_sided(&self, units: ByVersion<u64>) -> bool {
        let Self { known, .. } = self;
        let is_blind = |blind: u64, units: u64, other: u64| {
            blind == 0 && units >= MIN_UNITS && other >= MIN_UNITS
        };
        is_blind(known.blue, units.blue, known.green)
            || is_blind(known.green, units.green, known.blue)
    }

    fn is_missing_unevenly(&self, green: Probability, units: ByVersion<u64>) -> bool {
        let shares = self.missing_shares(units);
        let difference = shares.green - shares.blue;
        difference.abs() > MIN_DIFFERENCE
            && sample_ratio::log_e(green, self.missing) >= libm::log(UNEVEN_E_VALUE)
    }
}
