//! The counters of an assigned request.

use verdigris::assignment::Reason;
use verdigris::stats::{Counter, count_request};

#[test]
fn a_request_counts_once_and_once_for_its_reason() {
    let mut counters = Vec::new();
    count_request(Reason::Pinned, |counter, count| counters.push((counter, count)));
    assert_eq!(counters, [(Counter::Requests, 1), (Counter::Decisions(Reason::Pinned), 1)]);
    assert!(counters.iter().all(|(counter, _)| Counter::DECISIONS.contains(counter)));
}
