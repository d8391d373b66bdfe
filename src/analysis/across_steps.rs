//! One e-value of several steps.
//!
//! A release may be bad from its first step on, or only from a later one, under more
//! load: then what the steps before have lost would have to be won back first. So half
//! of the stake plays from the first step on, and the other half is divided among the
//! later steps, each part to enter with its step. The weights are fixed beforehand, so
//! the sum is fair, and α is for the ramp as a whole.
//!
//! Source: mixtures of e-processes that start at different times (Shin, Ramdas and
//! Rinaldo, *E-detectors*, NEJSDS 2024), over a fixed number of starts.

use super::wealth::{Wealth, log_weighted_sum_exp};

/// The logarithm of the e-value of a ramp of `steps` steps that compare two versions,
/// after those for which there is a capital.
pub fn log_e(capitals: &[Wealth], steps: usize) -> f64 {
    let later = 0.5 / steps.saturating_sub(1) as f64;
    let weight = |step: usize| match (step, steps) {
        (0, 0 | 1) => 1.0,
        (0, _) => 0.5,
        _ => later,
    };
    let starts = (0..steps.max(1)).map(|start| {
        let since: Wealth = capitals.iter().skip(start).copied().sum();
        (weight(start), since.log_mean())
    });
    log_weighted_sum_exp(starts)
}
