//! What the judge has cost today.

use proptest::prelude::*;
use verdigris::judge::Ledger;

const DAY_MS: u64 = 86_400_000;

#[test]
fn a_day_of_utc_begins_again_and_a_clock_that_is_set_back_does_not() {
    let noon = 20_000 * DAY_MS + DAY_MS / 2;
    let ledger = Ledger::default().with_cost(600_000, noon).with_cost(300_000, noon + 1);
    assert_eq!(ledger.spent_microusd(noon), 900_000);
    assert!(!ledger.is_exhausted(900_001, noon) && ledger.is_exhausted(900_000, noon));
    let (last, midnight) = (20_001 * DAY_MS - 1, 20_001 * DAY_MS);
    assert_eq!((ledger.spent_microusd(last), ledger.spent_microusd(midnight)), (900_000, 0));
    let tomorrow = ledger.with_cost(5, midnight);
    assert_eq!(tomorrow.spent_microusd(midnight), 5);
    // An hour back is yesterday, whose spending is not known any more: it counts as today.
    assert_eq!(tomorrow.spent_microusd(last), 5);
    assert_eq!(tomorrow.with_cost(2, last).spent_microusd(midnight), 7);
}

/// Days that are still to come would be without a judge.
#[test]
fn a_clock_that_was_days_ahead_does_not_use_up_the_days_until_then() {
    let today = 20_000 * DAY_MS;
    // By how many days the clock was ahead, and what is spent of today after it was set back.
    for (days_ahead, spent) in [(0, 900_000), (1, 900_000), (2, 0), (300, 0)] {
        let ledger = Ledger::default().with_cost(900_000, today + days_ahead * DAY_MS);
        assert_eq!(ledger.spent_microusd(today), spent, "{days_ahead} days");
        let ledger = ledger.with_cost(5, today);
        assert_eq!(ledger.spent_microusd(today), spent + 5, "{days_ahead} days");
    }
}

#[test]
fn the_envoys_of_a_fleet_have_equal_parts_of_the_ceiling() {
    let cases = [(5_000_000, 1, 5_000_000), (5_000_000, 3, 1_666_666), (2, 3, 0), (7, 0, 7)];
    for (whole, instances, part) in cases {
        assert_eq!(Ledger::part_of_ceiling(whole, instances), part, "{whole} {instances}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_spending_of_a_day_is_the_sum_of_its_costs(costs in prop::collection::vec((0_u64..1 << 40, 0_u64..5), 0..40)) {
        let mut costs = costs;
        costs.sort_by_key(|(_, day)| *day);
        let mut ledger = Ledger::default();
        for (at, (cost, day)) in costs.iter().enumerate() {
            ledger = ledger.with_cost(*cost, day * DAY_MS + 7);
            let sum: u64 = costs[..=at].iter().filter(|(_, other)| other == day).map(|(cost, _)| cost).sum();
            prop_assert_eq!(ledger.spent_microusd(day * DAY_MS), sum);
        }
        prop_assert_eq!(Ledger::default().with_cost(u64::MAX, 1).with_cost(u64::MAX, 1).spent_microusd(1), u64::MAX);
    }
}
