//! Bets on rates.

use proptest::prelude::*;
use verdigris::analysis::rate_ratio::RateRatioBets;
use verdigris::analysis::{ByVersion, absolute_rate};

use crate::contingency::TwoByTwo;
use crate::probability;

proptest! {
    /// At any share and margin, a bad event that is green's with the null hypothesis' own
    /// probability has an expected gain of 0.
    #[test]
    fn bets_on_the_ratio_of_rates_are_fair(r in 0.001..0.999, margin in 0.0..3.0, is_harm: bool) {
        let bets =
            if is_harm { RateRatioBets::for_harm } else { RateRatioBets::for_non_inferiority };
        let bets = bets(probability(r), margin);
        let p_green = r * (1.0 + margin) / (r * (1.0 + margin) + 1.0 - r);
        let e_value = |bad| bets.wealth(bad).log_mean().exp();
        let green = e_value(ByVersion { blue: 0, green: 1 });
        let blue = e_value(ByVersion { blue: 1, green: 0 });
        prop_assert!((p_green * green + (1.0 - p_green) * blue - 1.0).abs() < 1e-9);
        prop_assert_eq!(green > blue, is_harm);
    }

    /// A unit that is bad with the ceiling's own probability has an expected gain of 0.
    #[test]
    fn bets_on_an_absolute_rate_are_fair(ceiling in 0.0001..0.5) {
        let e_value = |bad| absolute_rate::wealth(ceiling, 1, bad).log_mean().exp();
        prop_assert!((ceiling * e_value(1) + (1.0 - ceiling) * e_value(0) - 1.0).abs() < 1e-9);
    }
}

/// A test of two rates with other assumptions agrees where the answer is clear.
#[test]
fn the_test_of_a_contingency_table_agrees() {
    for (green_bad_every, is_worse) in [(100, false), (20, true)] {
        let mut other = TwoByTwo::new(0.18);
        let mut bad = ByVersion { blue: 0, green: 0 };
        let mut other_e_value = 1.0;
        for block in 1..=4000_u64 {
            let blue = u64::from(block % 25 == 0);
            let green = u64::from(block % green_bad_every == 0);
            bad.blue += blue;
            bad.green += green;
            other_e_value = other.block((4.0, blue as f64), (1.0, green as f64));
        }
        let log_e = RateRatioBets::for_harm(probability(0.2), 0.0).wealth(bad).log_mean();
        assert_eq!(log_e > 20_f64.ln(), is_worse, "{log_e}");
        assert_eq!(other_e_value > 20.0, is_worse, "{other_e_value}");
    }
}
