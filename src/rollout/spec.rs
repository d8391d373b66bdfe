//! The specification of a ramp.

use std::time::{Duration, SystemTime};

use super::snapshot::Snapshot;
use crate::analysis::{AnalysisPlan, Metric, StepIndex, Tripwire};
use crate::assignment::Share;

/// A valid ramp, as the operator configured it.
#[derive(Clone, Debug, PartialEq)]
pub struct RampSpec {
    /// The steps, in growing order of their shares. There is at least one.
    pub steps: Vec<RampStep>,
    /// The step before the first one, in which no user is on green, if there is one.
    pub shadow: Option<ShadowStep>,
    /// How long all units stay on blue before anything else, so that their past is known; 0 for
    /// not at all.
    pub baseline: Duration,
    /// The minimum duration of a step.
    pub bake: Duration,
    /// The duration from which a step that is not decided is overdue.
    pub timeout: Duration,
    /// The analysis plan. Its steps are the ramp's steps that have traffic on blue, which are
    /// the first ones.
    pub analysis: AnalysisPlan,
    /// Whether conversations are assigned, and not users.
    pub has_conversations: bool,
    /// Whether bodies are read only of answers that are compared.
    pub reads_compared_only: bool,
    /// The tripwires.
    pub tripwires: Vec<Tripwire>,
    /// The duration above which a response is slow, if the operator configured it. Where a gate
    /// compares slow responses without it, it is learned from blue.
    pub objective: Option<Duration>,
    /// When the operator started the ramp. If it is set, a ramp whose state was lost does not
    /// start again by itself.
    pub started: Option<SystemTime>,
    /// How long it can take from the start until there is a state, beyond what one Envoy takes: the instances
    /// of a fleet wait for each other.
    pub start_delay: Duration,
    /// A new value starts the ramp again.
    pub restart: String,
    /// Whether the ramp stays in its step.
    pub is_paused: bool,
    /// Whether the ramp is rolled back: blue has all traffic. Afterwards only another value of
    /// [`Self::restart`] starts the ramp again.
    pub is_rolled_back: bool,
}

/// A step of a ramp.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RampStep {
    /// Green's share.
    pub share: Share,
    /// The share of all units that is compared: green's, and its control on blue.
    pub analysed_share: Share,
    /// Whether a person must approve the step before the ramp enters it.
    pub needs_approval: bool,
}

/// A step in which green answers copies of blue's requests, and no user is on green.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShadowStep {
    /// The share of all units whose requests are copied.
    pub share: Share,
    /// After how many pairs the step holds if it is not decided.
    pub max_pairs: u64,
}

// === impl RampSpec ===

impl RampSpec {
    /// The step with this index, if the ramp has it.
    pub fn step(&self, step: StepIndex) -> Option<&RampStep> {
        self.steps.get(step.get())
    }

    /// Whether the ramp has a baseline.
    pub fn has_baseline(&self) -> bool {
        !self.baseline.is_zero()
    }

    /// Whether the ramp begins with its shadow step.
    pub(super) fn begins_with_shadow_step(&self) -> bool {
        self.shadow.is_some() && !self.has_baseline()
    }

    /// The duration above which a response is slow; `None` where nothing compares that, or before
    /// it is learned.
    pub fn objective_in_force(&self, snapshot: &Snapshot) -> Option<Duration> {
        self.objective.or(snapshot.learned_objective)
    }

    /// Whether a gate or a tripwire compares how many responses are slow.
    pub fn watches_slow_responses(&self) -> bool {
        self.objective.is_some() || self.analysis.learns_objective
    }

    /// Whether a gate or a tripwire compares a metric that only an answer's body reveals.
    pub fn reads_answers(&self) -> bool {
        self.metrics().any(Self::is_from_body)
    }

    /// The metrics of the gates, and those of the tripwires.
    pub fn metrics(&self) -> impl Iterator<Item = Metric> {
        let gates = self.analysis.gates.iter().map(|gate| gate.spec.metric);
        gates.chain(self.tripwires.iter().map(|tripwire| tripwire.metric))
    }

    /// Whether only an answer's body reveals the metric.
    pub fn is_from_body(metric: Metric) -> bool {
        matches!(
            metric,
            Metric::RefusalRate
                | Metric::EmptyRate
                | Metric::TruncationRate
                | Metric::Ttft
                | Metric::TtftP90
                | Metric::TtftP95
                | Metric::TtftP99
                | Metric::OutputTokens
                | Metric::Cost
        )
    }
}
