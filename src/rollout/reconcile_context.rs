//! What a worker gets for a reconcile, and the events that it reports.

use super::clocks::Clocks;
use super::spec::RampSpec;
use super::state::RampState;
use super::stored_history::StoredHistory;
use super::transition_log::Transition;
use crate::analysis::Metric;

/// What a worker needs to reconcile, or to apply a command.
#[derive(Clone, Copy)]
pub struct ReconcileContext<'a> {
    /// The ramp's specification.
    pub spec: &'a RampSpec,
    /// The history of shares, where conversations keep theirs.
    pub history: Option<&'a StoredHistory>,
    /// The time.
    pub now: Clocks,
    /// Gets what happens, to log and to count it.
    pub report: &'a dyn Fn(RampEvent<'_>),
}

/// What happens in a worker.
#[derive(Debug)]
pub enum RampEvent<'a> {
    /// The stored state could not be decoded; the ramp begins with a new one.
    StateUnreadable(&'a postcard::Error),
    /// The worker has become the leader. What this state's evidence contains is counted already.
    BecameLeader(&'a RampState),
    /// The ramp has made a transition.
    Transition(&'a Transition),
    /// A threshold of a gate was learned from blue, and is frozen.
    ThresholdLearned {
        /// The gate's metric.
        metric: Metric,
        /// The threshold, in milliseconds.
        threshold_ms: f64,
    },
    /// The leader has committed a reconcile with this state, or has found that nothing was to be written.
    Committed(&'a RampState),
}
