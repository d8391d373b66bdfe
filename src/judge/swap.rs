//! Two verdicts on a pair of answers, asked in both orders.

use super::answer::PairVerdict;

/// Which version's answer to a request is better, by both verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preference {
    /// Blue's.
    Blue,
    /// Green's.
    Green,
    /// Neither.
    Neither,
}

/// The preference on which the verdicts in both orders agree; `None` where they do not.
///
/// A judge that always prefers the first answer contradicts itself: it prefers blue in one order and
/// green in the other. So does one that calls a tie in one order only.
///
/// ```
/// use verdigris::judge::{PairVerdict, Preference, agreed_preference};
/// assert_eq!(agreed_preference(PairVerdict::A, PairVerdict::B), Some(Preference::Blue));
/// assert_eq!(agreed_preference(PairVerdict::A, PairVerdict::A), None);
/// ```
pub fn agreed_preference(blue_is_a: PairVerdict, blue_is_b: PairVerdict) -> Option<Preference> {
    match (blue_is_a, blue_is_b) {
        (PairVerdict::A, PairVerdict::B) => Some(Preference::Blue),
        (PairVerdict::B, PairVerdict::A) => Some(Preference::Green),
        (PairVerdict::Tie, PairVerdict::Tie) => Some(Preference::Neither),
        _ => None,
    }
}
