//! What happens to an instance of a fleet, to log and to count.

use super::format::UnreadableRecord;
use super::store::FleetRecord;
use crate::analysis::Metric;
use crate::rollout::{RampState, Snapshot, Transition};

/// What happens to an instance of a fleet.
#[derive(Debug)]
pub enum FleetEvent<'a> {
    /// The instance has decided, and the decision is committed. Each decision is reported by one
    /// instance.
    Decided(&'a Transition),
    /// A threshold of a gate was learned from blue, and is frozen.
    ThresholdLearned {
        /// The gate's metric.
        metric: Metric,
        /// The threshold, in milliseconds.
        threshold_ms: f64,
    },
    /// Another instance has decided, and this one follows.
    Follows(&'a Snapshot),
    /// This instance decides from now on. What this state's evidence contains is counted already.
    TookOver(&'a RampState),
    /// The instance has committed this state.
    Committed(&'a RampState),
    /// The instance has rolled back by itself, for this reason.
    RolledBackAlone(&'a str),
    /// The store was replaced by another store, or has lost writes.
    StoreReplaced(&'a str),
    /// A record in the store has another form.
    Unreadable(&'a FleetRecord, UnreadableRecord),
}
