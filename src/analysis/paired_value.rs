//! Is green slower, longer or more expensive? The e-process over the ratios of pairs.
//!
//! A pair is blue's and green's response to the same request, so what the request demands is in
//! both values and not in their ratio. The hypothesis "green is not worse than the margin allows"
//! says that the expectation of `ψ(ln(green / ((1 + margin)·blue)) / ln 2)` is at most 0, where `ψ`
//! limits a number to −1 and 1. So no pair counts more than one whose response takes twice as long
//! as the margin allows. Where the logarithms of the ratios are symmetric, this is the hypothesis that
//! their centre is at most `1 + margin`; and it holds for two versions that are alike. Non-inferiority
//! is the opposite hypothesis with the tolerance.
//!
//! Each unit counts with its first pair in which the value is known on both sides.
//!
//! **Censoring.** A client that aborts ends blue's response and not green's copy, which nobody
//! waits for. Blue's value is then a lower bound `b`.
//!
//! - For harm, a green that took less than that counts as better by the limit, −1. One that took
//!   longer counts as a tie: had it been the client's, it would have been aborted as well. For two
//!   versions that are alike, each pair in which only green is the slower one of an aborted client
//!   has a mirror image in which only blue is, so the expectation is at most 0.
//! - For non-inferiority, the ratio is at most `green / b`. That is what counts.
//!
//! A copy that is still open when the wait for it ends has a lower bound as well: for harm it counts
//! with that, for non-inferiority as −1.
//!
//! Sources: Waudby-Smith and Ramdas, *Estimating means of bounded random variables by betting*, JRSS
//! B 2024; Ville's inequality; Huber, *Robust estimation of a location parameter*, 1964, for `ψ`.

use serde::{Deserialize, Serialize};

use super::censored_value::CensoredValue;
use super::confidence_sequence::{Limits, mean_limits};
use super::metric::Comparison;
use super::moments::Moments;
use super::plan::Gate;
use super::wealth::{Wealth, log_mean_of_directions};

/// The sums of a metric's values over pairs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PairedValue {
    /// The bets against "green is not worse", one for each direction; empty before the first pair.
    harm: Vec<Wealth>,
    /// The bets against "green is worse by the tolerance", likewise.
    non_inferiority: Vec<Wealth>,
    /// The logarithms of the ratios of green's value to blue's, limited to [`MAX_LOG_RATIO`], for
    /// display. Pairs with a censored value are not among them.
    log_ratios: Moments,
}

/// Both values of a pair.
#[derive(Clone, Copy, Debug)]
pub(super) struct PairedValues {
    pub blue: CensoredValue,
    pub green: CensoredValue,
}

/// How much worse green may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct PairedLimits {
    /// The gate's margin.
    pub margin: f64,
    /// The regression that must be ruled out before the ramp goes on: the smallest one of the
    /// gate's steps. No user pays for the pairs that this needs, and what they share makes it
    /// affordable.
    pub tolerance: f64,
}

/// The direction in which values are worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Higher,
    Lower,
}

/// A ratio counts at most as one that is this factor beyond the margin: its natural logarithm.
const SCALE: f64 = std::f64::consts::LN_2;

/// The largest natural logarithm of a ratio that is displayed: a factor of 4.
const MAX_LOG_RATIO: f64 = 2.0 * std::f64::consts::LN_2;

// === impl PairedValue ===

impl PairedValue {
    /// Adds the first pair of a unit.
    pub(super) fn add(
        &mut self,
        comparison: Comparison,
        limits: PairedLimits,
        values: PairedValues,
    ) {
        let directions = Direction::all(comparison);
        self.harm.resize(directions.len(), Wealth::default());
        self.non_inferiority.resize(directions.len(), Wealth::default());
        let wealth = self.harm.iter_mut().zip(&mut self.non_inferiority);
        for ((harm, non_inferiority), direction) in wealth.zip(directions) {
            if let Some(outcome) = direction.harm(values, limits.margin) {
                harm.bet(outcome);
            }
            if let Some(outcome) = direction.non_inferiority(values, limits.tolerance) {
                non_inferiority.bet(outcome);
            }
        }
        if !values.blue.is_censored && !values.green.is_censored {
            let log = log_ratio(values.green.value, values.blue.value);
            self.log_ratios.add(log.clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO));
        }
    }

    /// The natural logarithm of the e-value against "green is not worse than the margin allows".
    pub(super) fn harm_log_e(&self) -> f64 {
        log_mean_of_directions(self.harm.iter().map(|it| it.log_mean()))
    }

    /// The natural logarithm of the e-value against "green is worse by the tolerance": the
    /// smallest one of the directions, because all must be safe.
    pub(super) fn non_inferiority_log_e(&self) -> f64 {
        let log_e = self.non_inferiority.iter().map(|it| it.log_mean());
        log_e.reduce(f64::min).unwrap_or_default()
    }

    /// The number of units behind [`Self::ratio`].
    pub fn units(&self) -> u64 {
        self.log_ratios.count
    }

    /// The geometric mean of the ratios of green's value to blue's; `None` without a pair.
    pub fn ratio(&self) -> Option<f64> {
        self.log_ratios.mean().map(libm::exp)
    }

    /// The limits of [`Self::ratio`], which ever miss it with a probability of at most `alpha`.
    pub fn limits(&self, alpha: f64) -> Option<Limits> {
        let limits = mean_limits(self.log_ratios, alpha)?;
        Some(Limits { low: libm::exp(limits.low), high: libm::exp(limits.high) })
    }

    /// Adds the sums of other units.
    pub(super) fn merge(&mut self, other: &Self) {
        let all =
            [(&mut self.harm, &other.harm), (&mut self.non_inferiority, &other.non_inferiority)];
        for (to, from) in all {
            to.resize(to.len().max(from.len()), Wealth::default());
            to.iter_mut().zip(from).for_each(|(to, from)| *to += *from);
        }
        self.log_ratios += other.log_ratios;
    }
}

// === impl PairedLimits ===

impl PairedLimits {
    /// The limits of a gate; `None` for a gate without steps.
    pub fn of_gate(gate: &Gate) -> Option<Self> {
        let tolerance = gate.steps().iter().map(|step| step.tolerance).reduce(f64::min)?;
        Some(Self { margin: gate.spec.margin, tolerance })
    }
}

// === impl Direction ===

impl Direction {
    /// The directions in which a metric that is compared like this is worse.
    fn all(comparison: Comparison) -> &'static [Self] {
        match comparison {
            Comparison::Higher => &[Self::Higher],
            Comparison::Either => &[Self::Higher, Self::Lower],
            Comparison::Rate | Comparison::Quantile | Comparison::Lower | Comparison::Share => &[],
        }
    }

    /// How much worse green is than the margin allows, from −1 to 1; `None` where that is not known.
    fn harm(self, PairedValues { blue, green }: PairedValues, margin: f64) -> Option<f64> {
        let excess = self.excess(blue.value, green.value, margin);
        match (blue.is_censored, green.is_censored) {
            (false, _) => Some(excess),
            (true, false) if excess < 0.0 => Some(-1.0),
            (true, false) => Some(0.0),
            (true, true) => None,
        }
    }

    /// How much better green is than one that is worse by the tolerance, from −1 to 1; `None` where
    /// that is not known.
    fn non_inferiority(
        self,
        PairedValues { blue, green }: PairedValues,
        tolerance: f64,
    ) -> Option<f64> {
        match (blue.is_censored, green.is_censored) {
            (_, false) => Some(-self.excess(blue.value, green.value, tolerance)),
            (false, true) => Some(-1.0),
            (true, true) => None,
        }
    }

    /// How much green's value is worse than blue's by more than `allowed`, from −1 to 1.
    fn excess(self, blue: f64, green: f64, allowed: f64) -> f64 {
        let worse = match self {
            Self::Higher => log_ratio(green, blue),
            Self::Lower => log_ratio(blue, green),
        };
        ((worse - libm::log1p(allowed)) / SCALE).clamp(-1.0, 1.0)
    }
}

/// The natural logarithm of a ratio; 0 for two zeros.
fn log_ratio(numerator: f64, denominator: f64) -> f64 {
    match numerator == denominator {
        true => 0.0,
        false => libm::log(numerator) - libm::log(denominator),
    }
}
