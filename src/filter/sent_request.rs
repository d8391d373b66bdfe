//! What a request is when it is sent.

use crate::assignment::Exposure;
use crate::stats::names::StatScope;

/// What a request is when it is sent.
#[derive(Clone, Copy)]
pub struct SentRequest {
    /// Since when its answer is timed, in nanoseconds of the monotonic clock.
    pub started_ns: u64,
    pub scope: StatScope,
    pub exposure: Option<Exposure>,
    /// The analysis hash of the unit that may send feedback on the answer.
    pub feedback_unit: Option<u64>,
    /// Whether Envoy sends a copy to green, or it is such a copy.
    pub is_mirrored: bool,
    /// Whether its answer is one half of a pair of a shadow step.
    pub is_paired: bool,
}
