//! One e-value over all steps of a ramp.
//!
//! A release may be bad from the first step on, or only from a later step on, under more load.
//! In the second case the bets must not first have to win back what they lost in the steps
//! before. So half of the initial wealth is bet from the first step on, and the other half is
//! divided equally among the later steps, where each part is bet from its step on. The weights
//! are fixed in advance, so the weighted sum is an e-process, and α holds for the whole ramp.
//!
//! Source: mixtures of e-processes that start at different times (Shin, Ramdas and
//! Rinaldo, *E-detectors*, NEJSDS 2024), here with a fixed number of starts.

use super::wealth::{Wealth, log_weighted_sum_exp};

/// The natural logarithm of the e-value of a ramp in which `steps` steps compare two versions.
///
/// `step_wealth` has the wealth earned in each step so far.
pub fn log_e(step_wealth: &[Wealth], steps: usize) -> f64 {
    let starts = (0..steps.max(1)).map(|start| {
        let since_start: Wealth = step_wealth.iter().skip(start).copied().sum();
        (weight(start, steps), since_start.log_mean())
    });
    log_weighted_sum_exp(starts)
}

/// The fraction of the initial wealth that is bet from a step on, where `steps` steps compare two
/// versions.
pub(super) fn weight(start: usize, steps: usize) -> f64 {
    match (start, steps) {
        (0, 0 | 1) => 1.0,
        (0, _) => 0.5,
        _ if start >= steps => 0.0,
        _ => 0.5 / (steps - 1) as f64,
    }
}
