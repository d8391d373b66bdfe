//! Do green's values lie higher? The Mann-Whitney comparison of one block, as a bet.
//!
//! A block has some values of each version. The mean over green's of "what share of
//! blue's lies below", ties as half, is ½ on average where the two are distributed
//! alike, and at most ½ where green's are stochastically not larger. Blocks are closed by
//! counts alone, never by values, so each is a fair round, and neither the values'
//! distribution nor its drift matters.
//!
//! Source: Mann and Whitney, *On a test of whether one of two random variables is
//! stochastically larger than the other*, 1947, played as in [`bets`](super::wealth).

/// What share of `blue` lies below a value of `green`, ties as half, less ½: from −½
/// where all of green lies lower to ½ where all of it lies higher; 0 where either is
/// empty. Every pair is looked at: of one version there are always few.
pub fn excess(green: impl Iterator<Item = f64>, blue: &[f64]) -> f64 {
    let (mut below, mut count) = (0_u64, 0_u64);
    for value in green {
        for other in blue {
            // Twice where it is below, once where it is equal.
            below += u64::from(*other < value) + u64::from(*other <= value);
            count += 2;
        }
    }
    if count == 0 { 0.0 } else { below as f64 / count as f64 - 0.5 }
}
