//! Are green's values higher? The Mann-Whitney statistic of one block, as a bet.
//!
//! A block has some values of each version. For each of green's values, take the fraction of
//! blue's that lie below it, ties counted as half. The mean of these fractions has expectation
//! ½ where both versions have the same distribution, and at most ½ where green's values are
//! not stochastically larger. Counts alone close a block, never values, so each block is a fair
//! round, and neither the distribution of the values nor its drift matters.
//!
//! Source: Mann and Whitney, *On a test of whether one of two random variables is
//! stochastically larger than the other*, 1947, bet on as in [`wealth`](super::wealth).

/// The Mann-Whitney statistic minus ½: from −½ where all of green's values are lower to ½
/// where all are higher; 0 where a version has no value.
///
/// It compares every pair: one of the versions always has few values.
pub fn excess(green: impl Iterator<Item = f64>, blue: &[f64]) -> f64 {
    let (mut half_wins, mut half_pairs) = (0_u64, 0_u64);
    for value in green {
        for other in blue {
            // Two halves where blue's value is lower, one where it is equal.
            half_wins += u64::from(*other < value) + u64::from(*other <= value);
            half_pairs += 2;
        }
    }
    if half_pairs == 0 { 0.0 } else { half_wins as f64 / half_pairs as f64 - 0.5 }
}
