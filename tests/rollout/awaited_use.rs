//! Whether a configuration is used that no request has come to yet.

use verdigris::rollout::AwaitedUse;

/// The requests of the rollout at each tick, after 10 when the configuration came, and whether it counts as used
/// at the last one.
#[test]
fn a_configuration_counts_as_used_when_no_other_has_requests() {
    let quiet = |count: usize| [vec![11], vec![11; count]].concat();
    let table = [
        (vec![10], true),
        (vec![11], false),
        (vec![11, 11], false),
        (quiet(59), false),
        (quiet(60), true),
        ([quiet(59), vec![12]].concat(), false),
        ([quiet(59), vec![12; 60]].concat(), false),
        ([quiet(59), vec![12; 61]].concat(), true),
    ];
    for (requests, expected) in table {
        let mut awaited = AwaitedUse::new(10, 0);
        let mut is_used = false;
        for now in &requests {
            assert!(!is_used, "used too early: {requests:?}");
            is_used = awaited.tick(*now);
        }
        assert_eq!(is_used, expected, "{requests:?}");
        assert_eq!(awaited.is_likely(0), requests == [10], "{requests:?}");
    }
    let unticked = AwaitedUse::new(10, 0);
    assert!(unticked.is_likely(4_999_999_999) && !unticked.is_likely(5_000_000_000));
}
