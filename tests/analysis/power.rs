//! The expected time to detect a regression.

use proptest::prelude::*;
use verdigris::analysis::power::PowerQuery;

use crate::probability;

/// At a small share, the growth of a bet on a rate is known in closed form.
#[test]
fn the_expected_time_is_that_of_the_closed_form() {
    let query =
        PowerQuery { per_second: 50.0, green: probability(0.01), margin: 0.25, regression: 2.0 };
    let expected = query.for_rate(0.01, 0.05, 7, 1).unwrap();
    let rho: f64 = 3.0 / 1.25;
    let growth_per_second = 50.0 * 0.01 * 0.01 * 1.25 * (rho * rho.ln() - rho + 1.0);
    let seconds = (8.0 * 7.0 / 0.05_f64).ln() / growth_per_second;
    assert!((expected.seconds / seconds - 1.0).abs() < 0.1, "{expected:?} {seconds}");
    assert!((expected.green_responses / expected.seconds - 0.5).abs() < 1e-9);
}

#[test]
fn a_regression_within_the_margin_is_never_detected() {
    let query =
        PowerQuery { per_second: 50.0, green: probability(0.01), margin: 0.25, regression: 0.2 };
    assert_eq!(query.for_rate(0.01, 0.05, 7, 1), None);
    assert_eq!(query.for_values(0.8, 0.05, 7, 1), None);
}

proptest! {
    /// Above a share of 80 % a block would have less than one value of blue's.
    #[test]
    fn values_have_an_expected_time_at_any_share(
        green in 0.0001..0.9999_f64, per_second in 0.01..1e4_f64,
    ) {
        let green = probability(green);
        let query = PowerQuery { per_second, green, margin: 0.1, regression: 0.5 };
        let expected = query.for_values(0.8, 0.05, 7, 4).unwrap();
        prop_assert!(expected.seconds.is_finite() && expected.seconds > 0.0, "{expected:?}");
    }
}
