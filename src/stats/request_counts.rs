//! The counters of an assigned request.

use super::names::Counter;
use crate::assignment::Reason;

/// Gives `add` the counters of a request that was assigned its version for this reason.
pub fn count_request(reason: Reason, mut add: impl FnMut(Counter, u64)) {
    add(Counter::Requests, 1);
    add(Counter::Decisions(reason), 1);
}
