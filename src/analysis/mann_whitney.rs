//! Are green's values higher? Gehan's generalised Mann-Whitney statistic of one block, as a bet.
//!
//! A block has some values of each version. Each pair of a value of green's and one of blue's
//! counts 1 if green's is higher, 0 if it is lower, and ½ if they are equal or if censoring hides
//! which one is higher. The mean over the pairs has expectation ½ where both versions have the
//! same distribution, and at most ½ where green's values are not stochastically larger. Counts
//! alone close a block, never values, so each block is a fair round, and neither the distribution
//! of the values nor its drift matters.
//!
//! **Censoring** may differ between the versions, as long as it is independent of the values
//! within each of them. Let `S_b` and `S_g` be the probabilities that a value of blue's and of
//! green's exceeds `t`, and `K` the probability that neither is censored before `t`. Green is
//! known to be higher with probability `−∫ K·S_g dS_b`, and blue with probability
//! `−∫ K·S_b dS_g`. Both are equal where `S_b = S_g`. Where green is not stochastically larger,
//! `S_g ≤ S_b`, integration by parts gives for the difference of the two
//!
//! ```text
//! −1 − 2∫ K·S_g dS_b − ∫ S_g·S_b dK  ≤  −1 − ∫ K d(S_b²) − ∫ S_b² dK  =  0
//! ```
//!
//! because `S_b` and `K` do not grow.
//!
//! Sources: Mann and Whitney, *On a test of whether one of two random variables is
//! stochastically larger than the other*, 1947; Gehan, *A generalized Wilcoxon test for comparing
//! arbitrarily singly-censored samples*, Biometrika 52, 1965; bet on as in
//! [`wealth`](super::wealth).

use super::censored_value::CensoredValue;

/// The Mann-Whitney statistic minus ½: from −½ where all of green's values are lower to ½
/// where all are higher; 0 where a version has no value.
///
/// It compares every pair: one of the versions always has few values.
pub fn excess(green: impl Iterator<Item = CensoredValue>, blue: &[CensoredValue]) -> f64 {
    let (mut half_wins, mut half_pairs) = (0_u64, 0_u64);
    for value in green {
        for other in blue {
            half_wins += value.half_wins(*other);
            half_pairs += 2;
        }
    }
    if half_pairs == 0 { 0.0 } else { half_wins as f64 / half_pairs as f64 - 0.5 }
}
