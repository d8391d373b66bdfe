//! How often feedback of one unit counts.

use verdigris::feedback::RateLimiter;

#[test]
fn a_unit_has_a_number_of_events_a_minute() {
    const MINUTE_NS: u64 = 60_000_000_000;
    let mut limiter = RateLimiter::new(3);
    let allowed = |limiter: &mut RateLimiter, unit: u64, now_ns: u64| {
        (0..10).filter(|_| limiter.allow(unit, now_ns)).count()
    };
    assert_eq!(allowed(&mut limiter, 7, 5 * MINUTE_NS), 3);
    assert_eq!(allowed(&mut limiter, 7, 6 * MINUTE_NS - 1), 0);
    assert_eq!(allowed(&mut limiter, 8, 6 * MINUTE_NS - 1), 3);
    assert_eq!(allowed(&mut limiter, 7, 6 * MINUTE_NS), 3);
    // A unit in the same slot resets the count; a unit in another slot does not.
    assert_eq!(allowed(&mut limiter, 7 + 1024, 6 * MINUTE_NS), 3);
    assert_eq!(allowed(&mut limiter, 7, 6 * MINUTE_NS), 3);
    assert_eq!(allowed(&mut limiter, 8, 6 * MINUTE_NS), 3);
    assert_eq!(allowed(&mut limiter, 8, 6 * MINUTE_NS), 0);
}
