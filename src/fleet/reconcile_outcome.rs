//! What a ramp has done in a reconcile, to be reported once it is committed.

use crate::analysis::Metric;
use crate::rollout::{RampEvent, RampState, Transition};

/// What a ramp has done in a reconcile.
#[derive(Debug, Default)]
pub struct ReconcileOutcome {
    /// The transitions that it has made.
    pub transitions: Vec<Transition>,
    /// The thresholds that it has learned, in milliseconds.
    pub learned: Vec<(Metric, f64)>,
    /// The state as its worker has read it, if it has in this reconcile. It counts evidence from there on.
    pub began_with: Option<Box<RampState>>,
}

// === impl ReconcileOutcome ===

impl ReconcileOutcome {
    /// Notes what has happened.
    pub(super) fn note(&mut self, event: RampEvent<'_>) {
        match event {
            RampEvent::Transition(transition) => self.transitions.push(transition.clone()),
            RampEvent::ThresholdLearned { metric, threshold_ms } => {
                self.learned.push((metric, threshold_ms));
            }
            RampEvent::BecameLeader(state) => self.began_with = Some(Box::new(state.clone())),
            RampEvent::StateUnreadable(_) | RampEvent::Committed(_) => {}
        }
    }
}
