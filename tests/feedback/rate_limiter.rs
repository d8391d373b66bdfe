//! How often feedback of one unit counts.

use proptest::prelude::*;
use verdigris::assignment::UnitKey;
use verdigris::feedback::RateLimiter;

const MINUTE_NS: u64 = 60_000_000_000;

/// How many of ten events of a unit are allowed.
fn allowed(limiter: &mut RateLimiter, unit: u64, now_ns: u64) -> usize {
    (0..10).filter(|_| limiter.allow(unit, now_ns)).count()
}

fn hash(unit: u64) -> u64 {
    UnitKey::from_bytes(&[7; UnitKey::LENGTH]).unwrap().hash(&unit.to_le_bytes())
}

#[test]
fn a_unit_has_a_number_of_events_a_minute() {
    let mut limiter = RateLimiter::new(3);
    assert_eq!(allowed(&mut limiter, hash(7), 5 * MINUTE_NS), 3);
    assert_eq!(allowed(&mut limiter, hash(7), 6 * MINUTE_NS - 1), 0);
    assert_eq!(allowed(&mut limiter, hash(8), 6 * MINUTE_NS - 1), 3);
    assert_eq!(allowed(&mut limiter, hash(7), 6 * MINUTE_NS), 3);
}

/// Units that vote in turn do not reset each other's counts.
#[test]
fn three_thousand_units_in_turn_have_three_thousand_limits() {
    const UNITS: u64 = 3_000;
    let mut limiter = RateLimiter::new(2);
    let mut allowed = 0;
    for _ in 0..5 {
        allowed += (0..UNITS).filter(|unit| limiter.allow(hash(*unit), 1)).count();
    }
    assert!((5_980..=6_000).contains(&allowed), "{allowed} of 15,000 events");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Not even where units are as close together as they can be.
    #[test]
    fn no_unit_exceeds_its_limit(units in prop::collection::vec(0..40_u64, 1..400)) {
        let mut limiter = RateLimiter::new(3);
        let mut counts = std::collections::BTreeMap::<u64, u32>::new();
        for unit in units {
            if limiter.allow(unit << 20, 1) {
                *counts.entry(unit).or_default() += 1;
            }
        }
        prop_assert!(counts.values().all(|count| *count <= 3), "{counts:?}");
    }
}
