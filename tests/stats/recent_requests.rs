//! The requests of the last minute.

use proptest::prelude::*;
use verdigris::analysis::ByVersion;
use verdigris::stats::{RecentCounts, RecentRequests, RequestTotals};

/// Totals of a process with this many requests on blue, and half as many on green by the share.
fn totals(blue: u64) -> RequestTotals {
    RequestTotals {
        all: ByVersion { blue, green: 0 },
        by_share: ByVersion { blue: 0, green: blue / 2 },
    }
}

/// Samples at these seconds, with ten requests a second.
fn sampled(seconds: &[u64]) -> RecentRequests {
    let mut recent = RecentRequests::default();
    seconds.iter().for_each(|at| recent.record(*at, totals(at * 10)));
    recent
}

#[test]
fn requests_are_counted_since_the_sample_a_minute_ago() {
    let every_10: Vec<u64> = (0..20).map(|at| at * 10).collect();
    // The samples, the time now, and the seconds that are counted.
    let table: [(&[u64], u64, Option<u64>); 7] = [
        (&[], 100, None),
        (&[0], 0, Some(0)),
        (&[0], 7, Some(7)),
        (&[0, 10, 20], 25, Some(25)),
        (&every_10, 190, Some(60)),
        (&every_10, 199, Some(69)),
        // The worker samples no more.
        (&every_10, 251, None),
    ];
    for (samples, now_s, expected) in table {
        let counts = sampled(samples).counts(now_s, totals(now_s * 10), u64::MAX);
        let expected = expected.map(|seconds| RecentCounts {
            seconds,
            requests: RequestTotals {
                all: ByVersion { blue: seconds * 10, green: 0 },
                by_share: ByVersion { blue: 0, green: seconds * 5 },
            },
        });
        assert_eq!(counts, expected, "{now_s}");
    }
}

/// After a change of the share the window begins with the first sample after it.
#[test]
fn requests_from_before_a_change_are_not_counted() {
    let every_10: Vec<u64> = (0..20).map(|at| at * 10).collect();
    // The time since the change, and the seconds that are counted at 197.
    let table = [(1000, 67), (67, 57), (45, 37), (18, 17), (17, 7), (8, 7), (7, 67), (0, 67)];
    for (changed_s_ago, seconds) in table {
        let counts = sampled(&every_10).counts(197, totals(1970), changed_s_ago).unwrap();
        assert_eq!(counts.seconds, seconds, "{changed_s_ago}");
        assert_eq!(counts.requests.all.blue, seconds * 10);
    }
}

#[test]
fn counters_that_begin_again_are_no_requests() {
    let counts = sampled(&[10, 20]).counts(22, totals(3), u64::MAX).unwrap();
    assert_eq!(counts.requests, RequestTotals::default());
}

proptest! {
    /// A worker that ticks irregularly keeps few samples and counts at least a minute, once it is
    /// a minute old.
    #[test]
    fn a_minute_is_covered(steps in prop::collection::vec(1_u64..20, 1..200)) {
        let mut recent = RecentRequests::default();
        let mut now_s = 0;
        for step in steps {
            now_s += step;
            if recent.is_due(now_s) {
                recent.record(now_s, totals(now_s * 10));
            }
            let counts = recent.counts(now_s, totals(now_s * 10), u64::MAX).unwrap();
            prop_assert!(counts.seconds < 60 + 40, "{counts:?}");
            prop_assert!(counts.seconds >= 60.min(now_s.saturating_sub(20)), "{now_s} {counts:?}");
            prop_assert_eq!(counts.requests.all.blue, counts.seconds * 10);
        }
    }
}
