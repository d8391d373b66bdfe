//! Values that may be known only to be at least so large, and their comparison by rank.

use proptest::prelude::*;
use verdigris::analysis::{CensoredValue, mann_whitney};

const LEVELS: usize = 5;

fn exact(value: f64) -> CensoredValue {
    value.into()
}

fn at_least(value: f64) -> CensoredValue {
    CensoredValue { value, is_censored: true }
}

#[test]
fn a_comparison_claims_only_what_is_known() {
    let table = [
        (exact(1.0), exact(2.0), 0),
        (exact(2.0), exact(2.0), 1),
        (at_least(2.0), exact(1.0), 2),
        (at_least(2.0), exact(2.0), 2),
        (at_least(2.0), exact(3.0), 1),
        (at_least(2.0), at_least(2.0), 1),
        (at_least(9.0), at_least(2.0), 1),
    ];
    for (left, right, expected) in table {
        assert_eq!(left.half_wins(right), expected, "{left:?} {right:?}");
        assert_eq!(right.half_wins(left), 2 - expected, "{right:?} {left:?}");
    }
}

/// The probability of each level, from weights.
fn distribution(weights: [u8; LEVELS]) -> [f64; LEVELS] {
    let total: f64 = weights.iter().map(|weight| f64::from(*weight) + 1.0).sum();
    weights.map(|weight| (f64::from(weight) + 1.0) / total)
}

/// What is observed of a value that is censored at a level, with its probability.
fn observed(
    values: [f64; LEVELS],
    censoring: [f64; LEVELS],
) -> impl Iterator<Item = (CensoredValue, f64)> {
    let pairs = (0..LEVELS).flat_map(|value| (0..LEVELS).map(move |censor| (value, censor)));
    pairs.map(move |(value, censor)| {
        let is_censored = censor < value;
        let seen = CensoredValue { value: value.min(censor) as f64, is_censored };
        (seen, values[value] * censoring[censor])
    })
}

/// The expectation of the statistic of one pair.
fn expected_excess(
    green: ([f64; LEVELS], [f64; LEVELS]),
    blue: ([f64; LEVELS], [f64; LEVELS]),
) -> f64 {
    let blue: Vec<_> = observed(blue.0, blue.1).collect();
    let of_green = observed(green.0, green.1);
    let terms = of_green.flat_map(|(value, weight)| {
        blue.iter().map(move |(other, other_weight)| {
            weight * other_weight * mann_whitney::excess([value].into_iter(), &[*other])
        })
    });
    terms.sum()
}

proptest! {
    /// Clients of one version may be less patient than those of the other.
    #[test]
    fn equal_values_with_unequal_censoring_are_a_fair_round(
        values: [u8; LEVELS],
        green_censoring: [u8; LEVELS],
        blue_censoring: [u8; LEVELS],
    ) {
        let values = distribution(values);
        let green = (values, distribution(green_censoring));
        let excess = expected_excess(green, (values, distribution(blue_censoring)));
        prop_assert!(excess.abs() < 1e-12, "{excess}");
    }

    /// Values that are not stochastically larger give no gain, however they are censored.
    #[test]
    fn smaller_values_with_unequal_censoring_give_no_gain(
        values: [u8; LEVELS],
        moved_down in prop::collection::vec(0.0..1.0, LEVELS - 1),
        green_censoring: [u8; LEVELS],
        blue_censoring: [u8; LEVELS],
    ) {
        let blue = distribution(values);
        let mut green = blue;
        for (at, fraction) in moved_down.iter().enumerate() {
            let moved = green[at + 1] * fraction;
            green[at] += moved;
            green[at + 1] -= moved;
        }
        let green = (green, distribution(green_censoring));
        let excess = expected_excess(green, (blue, distribution(blue_censoring)));
        prop_assert!(excess <= 1e-12, "{excess}");
    }

    /// Swapping the versions reverses the sign, and censoring only removes knowledge.
    #[test]
    fn censoring_keeps_the_symmetry_and_never_adds_a_claim(
        green in prop::collection::vec((0..9_u8, any::<bool>()), 1..12),
        blue in prop::collection::vec((0..9_u8, any::<bool>()), 1..12),
    ) {
        let values = |side: &[(u8, bool)]| -> Vec<CensoredValue> {
            let value = |(value, is_censored): &(u8, bool)| CensoredValue {
                value: f64::from(*value),
                is_censored: *is_censored,
            };
            side.iter().map(value).collect()
        };
        let (green, blue) = (values(&green), values(&blue));
        let excess = |green: &[CensoredValue], blue: &[CensoredValue]| {
            mann_whitney::excess(green.iter().copied(), blue)
        };
        let found = excess(&green, &blue);
        prop_assert!((found + excess(&blue, &green)).abs() < 1e-12);
        let all_censored: Vec<_> = green.iter().map(|it| at_least(it.value)).collect();
        prop_assert!(excess(&all_censored, &blue) >= found - 1e-12);
    }
}
