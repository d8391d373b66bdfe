//! Is a metric known equally often on both versions?
//!
//! A comparison assumes that whether a response reveals a metric does not depend on the version.
//! Where green's bodies are compressed and blue's are not, that assumption fails: blue's
//! refusals are seen and green's are not. So each gate counts the units for which its metric
//! should have been known and was not. If that does not depend on the version, each of these
//! units is on green with the probability that the weights give. The test of
//! [`sample_ratio`] checks that.

use serde::{Deserialize, Serialize};

use super::by_version::ByVersion;
use super::probability::Probability;
use super::sample_ratio;

/// How many units, out of those that were on blue before the step, a metric is known for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Units with a response for which the metric is known.
    pub known: ByVersion<u64>,
    /// Units with a response for which the metric should be known and is not.
    pub missing: ByVersion<u64>,
}

/// From this e-value on, the metric counts as missing more often on one version. Each look
/// decides for itself, so a false alarm does not last.
const UNEVEN_E_VALUE: f64 = 20.0;

/// A difference between the versions' missing fractions matters only above this.
const MIN_DIFFERENCE: f64 = 0.05;

/// A version with at least so many units and no known value of the metric cannot be compared
/// with one that has as many known values.
const MIN_UNITS: u64 = 20;

// === impl Coverage ===

impl Coverage {
    /// Whether missing values could make green look worse than it is: the metric is missing for
    /// most of blue's units, and at least twice as often as for green's.
    ///
    /// This holds at any count: what cannot be seen on blue is no evidence against green. What
    /// is missing on green can only hide harm. Where the fractions differ by less, [`Self::is_uneven`]
    /// asks whether that is chance.
    pub fn is_missing_on_most_of_blue(&self, units: ByVersion<u64>) -> bool {
        let is_most = self.missing.blue > 0 && self.missing.blue.saturating_mul(2) > units.blue;
        let fractions = self.missing_fractions(units);
        is_most && fractions.green * 2.0 < fractions.blue
    }

    /// Whether the metric is known on one version only, or for unequal fractions of both.
    ///
    /// `green` is the probability that a unit is on green, `units` are the assigned units.
    pub fn is_uneven(&self, green: Probability, units: ByVersion<u64>) -> bool {
        self.is_missing_on_most_of_blue(units)
            || self.is_one_sided(units)
            || self.is_missing_unevenly(green, units)
    }

    /// Whether the metric is missing for a larger fraction of green's units than of blue's.
    pub fn misses_more_on_green(&self, units: ByVersion<u64>) -> bool {
        let fractions = self.missing_fractions(units);
        fractions.green > fractions.blue
    }

    /// Whether the metric is known for no unit, and not missing on one version alone.
    pub fn has_no_data(&self) -> bool {
        let Self { known, missing } = self;
        known.blue == 0 && known.green == 0 && (missing.blue == 0) == (missing.green == 0)
    }

    /// The fraction of each version's units for which the metric is missing.
    fn missing_fractions(&self, units: ByVersion<u64>) -> ByVersion<f64> {
        let fraction = |missing: u64, units: u64| missing as f64 / units.max(1) as f64;
        ByVersion {
            blue: fraction(self.missing.blue, units.blue),
            green: fraction(self.missing.green, units.green),
        }
    }

    fn is_one_sided(&self, units: ByVersion<u64>) -> bool {
        let Self { known, .. } = self;
        let is_unknown_here_only = |known_here: u64, units_here: u64, known_there: u64| {
            known_here == 0 && units_here >= MIN_UNITS && known_there >= MIN_UNITS
        };
        is_unknown_here_only(known.blue, units.blue, known.green)
            || is_unknown_here_only(known.green, units.green, known.blue)
    }

    fn is_missing_unevenly(&self, green: Probability, units: ByVersion<u64>) -> bool {
        let fractions = self.missing_fractions(units);
        let difference = fractions.green - fractions.blue;
        difference.abs() > MIN_DIFFERENCE
            && sample_ratio::log_e(green, self.missing) >= libm::log(UNEVEN_E_VALUE)
    }
}
