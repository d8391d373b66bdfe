//! Sample ratio mismatch: does the ratio of assigned units match the weights?
//!
//! If it does not, something drops or moves users of one version, and no comparison can be
//! trusted. The test is an e-process over the counts of units, with a Beta prior that is
//! centred on the probability that the weights give.
//!
//! Source: Lindon and Malek, as in [`rate_ratio`](super::rate_ratio), section on sample ratio
//! mismatch.

use super::by_version::ByVersion;
use super::probability::Probability;

/// The concentration of the prior: the number of units that it weighs as much as.
const CONCENTRATION: f64 = 100.0;

/// The natural logarithm of the e-value against "each unit is on green with this probability".
///
/// `B(k(1−r) + n_b, kr + n_g) / B(k(1−r), kr) / ((1−r)^n_b · r^n_g)`, where `B` is the Beta
/// function and `k` the prior's concentration.
pub fn log_e(green: Probability, units: ByVersion<u64>) -> f64 {
    let (r, rest) = (green.get(), 1.0 - green.get());
    let (green_units, blue_units) = (units.green as f64, units.blue as f64);
    let log_beta = |a: f64, b: f64| libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b);
    let (a, b) = (CONCENTRATION * rest, CONCENTRATION * r);
    log_beta(a + blue_units, b + green_units)
        - log_beta(a, b)
        - blue_units * libm::log1p(-r)
        - green_units * libm::log(r)
}
