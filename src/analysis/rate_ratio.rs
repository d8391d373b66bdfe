//! Is a rate higher on green? The e-process of bad events.
//!
//! Only bad events are looked at: each is green's with a chance that follows from how
//! many units green has and from the ratio of the two rates. So the test is exact at any
//! base rate, also one that drifts, and an incident that hits both versions alike is no
//! evidence. It is a function of two numbers, the bad events of green and of blue.
//!
//! With `r` the chance that a unit is green's and `ρ` the ratio of green's rate to
//! blue's, a bad event is green's with the chance `rρ / (rρ + 1 − r)`.
//!
//! Source: Lindon and Malek, *Anytime-valid inference for multinomial count data*,
//! NeurIPS 2022 (arXiv 2011.03567), with bets on fixed ratios in place of their
//! Dirichlet mixture.

use super::by_version::ByVersion;
use super::probability::Probability;
use super::wealth::{BETS, Wealth};

/// By how much worse than the hypothesis allows green is, as each bet has it.
pub(super) const RATIOS: [f64; BETS] = [1.15, 1.3, 1.6, 2.0, 3.0, 5.0, 10.0, 30.0];

/// What one bad event of each version is worth to each bet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateRatioBets(ByVersion<Wealth>);

// === impl RateBets ===

impl RateRatioBets {
    /// Against "green's rate is at most `1 + margin` times blue's".
    pub fn for_harm(green: Probability, margin: f64) -> Self {
        Self::against(green, 1.0 + margin, |null, ratio| null * ratio)
    }

    /// Against "green's rate is at least `1 + tolerance` times blue's".
    pub fn for_non_inferiority(green: Probability, tolerance: f64) -> Self {
        Self::against(green, 1.0 + tolerance, |null, ratio| null / ratio)
    }

    fn against(green: Probability, null: f64, alternative: fn(f64, f64) -> f64) -> Self {
        let (r, rest) = (green.get(), 1.0 - green.get());
        let is_green = |ratio: f64| r * ratio / (r * ratio + rest);
        let is_blue = |ratio: f64| rest / (r * ratio + rest);
        let worth = |of: &dyn Fn(f64) -> f64| {
            let mut bets = RATIOS.iter().map(|ratio| of(alternative(null, *ratio)));
            Wealth::from_log_bets(|_| {
                bets.next().map_or(0.0, |chance| libm::log(chance / of(null)))
            })
        };
        Self(ByVersion { blue: worth(&is_blue), green: worth(&is_green) })
    }

    /// The capital after so many bad events.
    pub fn wealth(&self, bad: ByVersion<u64>) -> Wealth {
        let Self(worth) = self;
        worth.green.times(bad.green as f64) + worth.blue.times(bad.blue as f64)
    }
}
