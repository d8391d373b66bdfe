//! Is green's rate low in absolute terms? An e-process for services that rarely fail.
//!
//! [`rate_ratio`](super::rate_ratio) learns from bad events only. Where almost none happen, it
//! needs hours to decide. A rate below an absolute ceiling is good enough, whatever blue's
//! rate is.
//!
//! The null hypothesis is "the first response is bad for at least a fraction `ceiling` of
//! green's units". Each unit counts once. Source: as for [`wealth`](super::wealth). Each bet is
//! the likelihood ratio of two Bernoulli distributions; its alternative is one fixed rate below
//! the ceiling.

use super::rate_ratio::RATIOS;
use super::wealth::Wealth;

/// The wealth of the bets on rates below `ceiling`, after the first responses of `units` units,
/// `bad` of which were bad.
pub fn wealth(ceiling: f64, units: u64, bad: u64) -> Wealth {
    let good = units.saturating_sub(bad) as f64;
    let mut rates = RATIOS.iter().map(|ratio| ceiling / ratio);
    Wealth::from_log_bets(|_| {
        let Some(rate) = rates.next() else { return 0.0 };
        let log_gain_of_good = libm::log1p(-rate) - libm::log1p(-ceiling);
        good * log_gain_of_good + bad as f64 * libm::log(rate / ceiling)
    })
}
