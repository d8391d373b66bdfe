//! What a decision is made with.

use super::store::InstanceId;
use crate::rollout::{Clocks, RampSpec, StoredHistory};

/// What a decision is made with.
#[derive(Clone, Copy)]
pub struct DecisionContext<'a> {
    /// The instance that decides.
    pub id: &'a InstanceId,
    /// The ramp's specification.
    pub spec: &'a RampSpec,
    /// The configured history of shares, where conversations keep theirs.
    pub history: Option<&'a StoredHistory>,
    /// The time; the monotonic clock is the fleet's.
    pub now: Clocks,
    /// The fingerprint of the specification.
    pub fingerprint: u64,
    /// How long a commit that changes nothing may be left out, in nanoseconds.
    pub idle_ns: u64,
}
