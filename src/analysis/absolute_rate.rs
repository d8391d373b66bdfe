//! Is green's rate low in itself? The e-process of a healthy service.
//!
//! [`rate`](super::rate_ratio) learns from bad events alone, and where nearly none happen it
//! would say nothing for hours. A rate below an absolute ceiling is good enough,
//! whatever blue's is.
//!
//! The hypothesis is "at least `ceiling` of green's units are hit"; each unit counts
//! once, by its first response. Source: as for [`bets`](super::wealth), with the plan of
//! each bet made for one rate below the ceiling (the likelihood ratio of two Bernoulli
//! variables).

use super::rate_ratio::RATIOS;
use super::wealth::Wealth;

/// The capital that bets on rates below `ceiling` have after `bad` of `units` units
/// were bad.
pub fn wealth(ceiling: f64, units: u64, bad: u64) -> Wealth {
    let good = units.saturating_sub(bad) as f64;
    let mut rates = RATIOS.iter().map(|ratio| ceiling / ratio);
    Wealth::from_log_bets(|_| {
        let Some(rate) = rates.next() else { return 0.0 };
        let is_good = libm::log1p(-rate) - libm::log1p(-ceiling);
        good * is_good + bad as f64 * libm::log(rate / ceiling)
    })
}
