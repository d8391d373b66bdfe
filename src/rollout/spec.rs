//! What the operator wants of a ramp.

use std::time::{Duration, SystemTime};

use crate::analysis::{AnalysisPlan, Metric, Tripwire};
use crate::assignment::Share;

/// A ramp that can be walked as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct RampSpec {
    /// In growing order, at least one.
    pub steps: Vec<RampStep>,
    /// How long a step lasts at least.
    pub bake: Duration,
    /// After how long a step that is not decided is told to be overdue.
    pub timeout: Duration,
    /// By what the judge judges. Its steps are those of the ramp that have a blue, which
    /// are the first ones.
    pub analysis: AnalysisPlan,
    /// What rolls back at once.
    pub tripwires: Vec<Tripwire>,
    /// The time from which a response is slow, where a gate looks at that.
    pub objective: Option<Duration>,
    /// When the operator began the ramp. With it, a ramp whose state was lost does not
    /// begin again.
    pub started: Option<SystemTime>,
    /// Another text here begins the ramp again.
    pub restart: String,
    /// Whether the ramp stays where it is.
    pub is_paused: bool,
}

/// A step of a ramp.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RampStep {
    /// Green's share.
    pub share: Share,
    /// The share of all units that is compared: green's, and its control on blue.
    pub analysed_share: Share,
    /// Whether a person must let the ramp into it.
    pub needs_approval: bool,
}

// === impl Settings ===

impl RampSpec {
    /// Whether any gate or tripwire looks at what only an answer's body tells.
    pub fn reads_answers(&self) -> bool {
        let gates = self.analysis.gates.iter().map(|gate| gate.spec.metric);
        let wires = self.tripwires.iter().map(|wire| wire.metric);
        gates.chain(wires).any(Self::is_from_body)
    }

    /// Whether only an answer's body tells of the metric.
    pub fn is_from_body(metric: Metric) -> bool {
        matches!(
            metric,
            Metric::RefusalRate
                | Metric::EmptyRate
                | Metric::TruncationRate
                | Metric::Ttft
                | Metric::OutputTokens
                | Metric::Cost
        )
    }
}
