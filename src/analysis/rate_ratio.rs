//! Is a rate higher on green? The e-process over bad events.
//!
//! Only bad events count. Each one is green's with a probability that follows from green's
//! share of units and from the ratio of the two rates. So the test is exact at any base rate,
//! even one that drifts, and an incident that affects both versions alike is no evidence. The
//! e-value is a function of two counts, the bad events of green and of blue.
//!
//! With `r` the probability that a unit is on green and `ρ` the ratio of green's rate to
//! blue's, a bad event is green's with probability `rρ / (rρ + 1 − r)`.
//!
//! Source: Lindon and Malek, *Anytime-valid inference for multinomial count data*,
//! NeurIPS 2022 (arXiv 2011.03567), with bets on fixed ratios in place of their
//! Dirichlet mixture.

use super::by_version::ByVersion;
use super::probability::Probability;
use super::wealth::{BETS, Wealth};

/// The alternatives of the bets: factors between the hypothesised ratio of rates and the true
/// one.
pub(super) const RATIOS: [f64; BETS] = [1.15, 1.3, 1.6, 2.0, 3.0, 5.0, 10.0, 30.0];

/// What each bet gains by one bad event of each version.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateRatioBets(ByVersion<Wealth>);

// === impl RateRatioBets ===

impl RateRatioBets {
    /// Bets against "green's rate is at most `1 + margin` times blue's".
    pub fn for_harm(green: Probability, margin: f64) -> Self {
        Self::against(green, 1.0 + margin, |null, ratio| null * ratio)
    }

    /// Bets against "green's rate is at least `1 + tolerance` times blue's".
    pub fn for_non_inferiority(green: Probability, tolerance: f64) -> Self {
        Self::against(green, 1.0 + tolerance, |null, ratio| null / ratio)
    }

    /// Bets against "the ratio of the rates is `null`". `alternative` gives the ratio that a
    /// bet expects, from `null` and one of [`RATIOS`].
    fn against(green: Probability, null: f64, alternative: fn(f64, f64) -> f64) -> Self {
        let (r, rest) = (green.get(), 1.0 - green.get());
        let is_green = |ratio: f64| r * ratio / (r * ratio + rest);
        let is_blue = |ratio: f64| rest / (r * ratio + rest);
        let gain = |probability: &dyn Fn(f64) -> f64| {
            let mut expected = RATIOS.iter().map(|ratio| probability(alternative(null, *ratio)));
            Wealth::from_log_bets(|_| {
                expected.next().map_or(0.0, |expected| libm::log(expected / probability(null)))
            })
        };
        Self(ByVersion { blue: gain(&is_blue), green: gain(&is_green) })
    }

    /// The wealth after these numbers of bad events.
    pub fn wealth(&self, bad: ByVersion<u64>) -> Wealth {
        let Self(gain) = self;
        gain.green.times(bad.green as f64) + gain.blue.times(bad.blue as f64)
    }
}
