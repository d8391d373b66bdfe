//! Wealth, and the statistic of ranks that is bet on.

use proptest::prelude::*;
use verdigris::analysis::wealth::Wealth;
use verdigris::analysis::{CensoredValue, mann_whitney};

proptest! {
    /// Swapping the versions reverses the sign, and a monotone change of scale has no effect.
    #[test]
    fn the_excess_depends_on_ranks_alone(
        blue in prop::collection::vec(0..20_u8, 1..20),
        green in prop::collection::vec(0..20_u8, 1..20),
    ) {
        let scaled = |values: &[u8], scale: fn(f64) -> f64| -> Vec<CensoredValue> {
            values.iter().map(|value| scale(f64::from(*value)).into()).collect()
        };
        let [identity, root] = [|value| value, f64::sqrt];
        let excess = |green: &[u8], blue: &[u8], scale| {
            mann_whitney::excess(scaled(green, scale).into_iter(), &scaled(blue, scale))
        };
        let found = excess(&green, &blue, identity);
        prop_assert!((found + excess(&blue, &green, identity)).abs() < 1e-9);
        prop_assert_eq!(found, excess(&green, &blue, root));
        prop_assert!((-0.5..=0.5).contains(&found));
    }

    /// Wealth stays positive in any sequence of rounds.
    #[test]
    fn the_wealth_of_separate_rounds_combines_by_addition(
        rounds in prop::collection::vec(-1.5..1.5, 0..50),
        at in 0..50_usize,
    ) {
        let play = |rounds: &[f64]| {
            let mut wealth = Wealth::default();
            rounds.iter().for_each(|outcome| wealth.bet(*outcome));
            wealth
        };
        let (before, after) = rounds.split_at(at.min(rounds.len()));
        let combined = (play(before) + play(after)).log_mean();
        prop_assert!((combined - play(&rounds).log_mean()).abs() < 1e-9);
        prop_assert!(combined.is_finite());
    }
}
