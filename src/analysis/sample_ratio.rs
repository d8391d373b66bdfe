//! Sample ratio mismatch: are units divided as the weights say?
//!
//! If they are not, something drops or moves users of one version, and no comparison
//! can be trusted. This is an e-process of the numbers of units, by a Beta prior that is
//! centred on the chance that the weights give.
//!
//! Source: Lindon and Malek, as in [`rate`](super::rate_ratio), section on sample ratio
//! mismatch.

use super::by_version::ByVersion;
use super::probability::Probability;

/// How closely the prior holds to the chance; as many units as it is worth.
const CONCENTRATION: f64 = 100.0;

/// The logarithm of the e-value against "each unit is green's with this chance".
///
/// `B(k(1−r) + n_b, kr + n_g) / B(k(1−r), kr) / ((1−r)^n_b · r^n_g)`, `B` being the Beta
/// function and `k` the prior's concentration.
pub fn log_e(green: Probability, units: ByVersion<u64>) -> f64 {
    let (r, rest) = (green.get(), 1.0 - green.get());
    let (greens, blues) = (units.green as f64, units.blue as f64);
    let log_beta = |a: f64, b: f64| libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b);
    let (a, b) = (CONCENTRATION * rest, CONCENTRATION * r);
    log_beta(a + blues, b + greens)
        - log_beta(a, b)
        - blues * libm::log1p(-r)
        - greens * libm::log(r)
}
