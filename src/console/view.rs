//! The schema of `/state.json`. Each field has its JSON name.
//!
//! Units are in the names: `_ms` is milliseconds since 1970, `_s` seconds, `_bp` basis points of
//! all users. Fields may be added. None is renamed within one [`SCHEMA`].

#[cfg(not(target_arch = "wasm32"))]
use serde::Deserialize;
use serde::Serialize;

pub use super::view_of_differences::{DifferencePointView, DifferenceView};
pub use super::view_of_fleet::{FleetView, InstanceView};
pub use super::view_of_history::{DecisionView, ShareView};
pub use super::view_of_judge::{JudgeView, JudgedAnswersView, JudgedPairsView};
pub use super::view_of_shadow::{PairedGateView, ShadowStepView};

/// The version of this schema.
pub const SCHEMA: u32 = 1;

/// The state of all rollouts of a VM.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct View {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The time of the view.
    pub now_ms: u64,
    /// Whether a token is configured, so that operator commands are possible.
    pub can_steer: bool,
    /// Every rollout that the VM runs.
    pub rollouts: Vec<RolloutView>,
    /// Problems that belong to no rollout, such as a rejected configuration of the console.
    #[cfg_attr(not(target_arch = "wasm32"), serde(default))]
    pub problems: Vec<ProblemView>,
    /// The versions of filter and Envoy.
    #[cfg_attr(not(target_arch = "wasm32"), serde(default))]
    pub about: AboutView,
}

/// The versions of filter and Envoy.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct AboutView {
    /// The filter's version; empty if the filter is too old to say.
    pub verdigris: String,
    /// Envoy's version, if Envoy provides it.
    pub envoy: Option<String>,
    /// The id of Envoy's node, if there is one.
    pub node: Option<String>,
}

/// A rollout.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct RolloutView {
    /// The rollout's name.
    pub rollout: String,
    /// `ramping`, `holding`, `paused`, `promoted`, `rolled_back` or `by_hand`.
    pub phase: String,
    /// Green's share in force.
    pub green_bp: u32,
    /// Whether the VM has read the ramp's state, which it may not have just after a configuration
    /// change.
    pub is_known: bool,
    /// Whether another rollout was configured since and this one has had no request after that:
    /// it only waits for its last responses to end.
    pub is_replaced: bool,
    /// The state of the ramp, if there is one.
    pub ramp: Option<RampView>,
    /// The operator command in force.
    pub order: Option<CommandView>,
    /// Whether response bodies are read. Without them, refusals, truncated answers, tokens and
    /// cost are not counted. `None` if the filter is too old to say.
    #[cfg_attr(not(target_arch = "wasm32"), serde(default))]
    pub reads_bodies: Option<bool>,
    /// Blue, green, and the shadow if there is one.
    pub versions: Vec<VersionView>,
    /// Green's share over time, the oldest first.
    pub shares: Vec<ShareView>,
    /// The latest decisions, the newest first.
    pub decisions: Vec<DecisionView>,
    /// The rollout's problems, severe ones first.
    pub problems: Vec<ProblemView>,
    /// The Envoys that share the rollout; `None` where it is this Envoy's alone.
    #[cfg_attr(not(target_arch = "wasm32"), serde(default))]
    pub fleet: Option<FleetView>,
    /// The model that judges sampled answers, if there is one.
    #[cfg_attr(not(target_arch = "wasm32"), serde(default))]
    pub judge: Option<JudgeView>,
    /// Whether the rollout gets what it needs: one check each of `traffic`, `users`, `split`,
    /// `answers` and `configuration`; `evidence` in a ramp, and `fleet` in a fleet.
    #[cfg_attr(not(target_arch = "wasm32"), serde(default))]
    pub health: Vec<HealthView>,
}

/// A check of a rollout's health.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct HealthView {
    /// What is checked: `traffic`, `users`, `split`, `answers`, `configuration`, `evidence` or
    /// `fleet`.
    pub check: String,
    /// `ok`, `warning`, or `unknown` while there is too little data.
    pub status: String,
    /// The result in words.
    pub text: String,
}

/// The state of a ramp.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct RampView {
    /// The current step, counted from 0.
    pub step: usize,
    /// All steps.
    pub steps: Vec<StepView>,
    /// What the next decision waits for: `nothing`, `bake`, `evidence`, `data`, `division`,
    /// `unread`, `incident`, `approval`, `resume`, `state_lost`, `restart`, `pairs` or `baseline`.
    pub waits_for: String,
    /// An estimate of the seconds until the next decision, if there is enough evidence for one.
    pub about_s: Option<u64>,
    /// How long the step has lasted.
    pub in_step_s: u64,
    /// The minimum duration of the step.
    pub bake_s: u64,
    /// How long all units stay on blue before the first step.
    #[cfg_attr(not(target_arch = "wasm32"), serde(default))]
    pub baseline_s: u64,
    /// Whether that time is not over.
    #[cfg_attr(not(target_arch = "wasm32"), serde(default))]
    pub is_baseline: bool,
    /// The duration after which the step is overdue.
    pub timeout_s: u64,
    /// Whether the step is overdue.
    pub is_overdue: bool,
    /// The analysis of the step; `None` in a step without blue traffic, and in the shadow step.
    pub judgement: Option<AnalysisView>,
    /// The step before the first one, in which no user is on green; `None` if there is none.
    #[cfg_attr(not(target_arch = "wasm32"), serde(default))]
    pub shadow_step: Option<ShadowStepView>,
    /// How the difference of each gate has developed since the ramp began.
    #[cfg_attr(not(target_arch = "wasm32"), serde(default))]
    pub differences: Vec<DifferenceView>,
    /// What there was when at most half of the step's time had passed, if that is known.
    #[cfg_attr(not(target_arch = "wasm32"), serde(default))]
    pub at_half_time: Option<EarlierEvidence>,
}

/// The evidence of a step at an earlier time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct EarlierEvidence {
    /// How long ago, in seconds of the step's time.
    pub ago_s: u64,
    /// Units that were new on green in the step.
    pub green_units: u64,
    /// The evidence for safe of the gate with the least, as a fraction of what advances.
    pub safe: f64,
}

/// A step of a ramp.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct StepView {
    /// Green's share in the step.
    pub green_bp: u32,
    /// Whether an operator must approve the step.
    pub needs_approval: bool,
}

/// The analysis of a step.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct AnalysisView {
    /// `pass`, `fail` or `undecided`.
    pub verdict: String,
    /// The evidence for a rollback as a fraction of the required amount: at 1 green is rolled back.
    pub worse: f64,
    /// Whether the split of units contradicts the weights.
    pub is_mismatched: bool,
    /// Units of blue with a response in this step. (As in `green_units`, only units that were on
    /// blue before the step count.)
    pub blue_units: u64,
    /// Units of green with a response in this step.
    pub green_units: u64,
    /// The fraction of these units that should be on green, by the weights.
    #[cfg_attr(not(target_arch = "wasm32"), serde(default))]
    pub expected_green: Option<f64>,
    /// What a unit is: `users`, or `requests` where each request counts.
    #[cfg_attr(not(target_arch = "wasm32"), serde(default = "users"))]
    pub counts: String,
    /// The gates.
    pub gates: Vec<GateView>,
}

/// The analysis of a gate.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct GateView {
    /// The metric, such as `error_rate`.
    pub metric: String,
    /// The unit of means and differences: `share`, `ms`, `tokens`, `usd` or `score`.
    pub unit: String,
    /// Whether the ramp depends on this gate.
    pub is_critical: bool,
    /// `pass`, `fail`, `undecided`, `left_out`, or `not_comparable`: the metric is missing for one
    /// version, or for unequal shares of both.
    pub verdict: String,
    /// Blue's mean.
    pub blue: Option<f64>,
    /// The number of units in blue's mean.
    pub blue_units: u64,
    /// Green's mean.
    pub green: Option<f64>,
    /// The number of units in green's mean.
    pub green_units: u64,
    /// Units of blue with a response that should have the metric and does not.
    #[serde(default)]
    pub blue_missing: u64,
    /// Units of green with a response that should have the metric and does not.
    #[serde(default)]
    pub green_missing: u64,
    /// How many more units of green must have a bad response before the gate finds green worse,
    /// although its evidence suffices.
    #[serde(default)]
    pub bad_units_needed: u64,
    /// Whether all values of units that came again make green look worse than the margin allows.
    /// Then the gate does not pass.
    #[serde(default)]
    pub looks_worse: bool,
    /// The time in milliseconds above which the gate counts responses: the objective of `slow_rate`,
    /// or blue's quantile. `None` for other metrics, and while it is learned.
    #[serde(default)]
    pub threshold_ms: Option<f64>,
    /// Whether that time is still being learned from blue.
    #[serde(default)]
    pub is_learning: bool,
    /// The lower limit of the confidence interval of green's mean minus blue's; `None` while there
    /// are too few values, or all are equal.
    pub low: Option<f64>,
    /// The upper limit of the confidence interval of green's mean minus blue's.
    pub high: Option<f64>,
    /// The difference from which green is worse than the margin allows; `None` for a rate while
    /// blue has no event.
    pub margin_at: Option<f64>,
    /// The difference that green must be shown to be below for the ramp to advance.
    pub tolerance_at: Option<f64>,
    /// Whether a positive difference is worse. For `output_tokens`, both directions are.
    pub higher_is_worse: bool,
    /// This gate's evidence for a rollback as a fraction of the required amount.
    pub worse: f64,
    /// This gate's evidence for advancing as a fraction of the required amount.
    pub safe: f64,
}

/// An operator command in force. It ends when `weights` or `ramp` change in the configuration.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct CommandView {
    /// The command's name, such as `pause` or `weights`.
    pub order: String,
    /// When it was given.
    pub at_ms: u64,
    /// The operator's reason.
    pub reason: String,
}

/// The counters of a version.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct VersionView {
    /// `blue`, `green` or `shadow`.
    pub version: String,
    /// The counters by their names in Envoy's `/stats`.
    #[serde(with = "by_name")]
    pub counters: Vec<(String, u64)>,
    /// What the version is by the configuration; `None` for the shadow.
    #[cfg_attr(not(target_arch = "wasm32"), serde(default))]
    pub about: Option<VersionAboutView>,
}

/// What a version is: its cluster, and what it changes in its requests.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct VersionAboutView {
    /// The cluster.
    pub cluster: String,
    /// The header that a route matches, with its value, where the routes match the version header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The composite cluster that falls back to blue, if there is one.
    pub failover: Option<String>,
    /// The model that requests are changed to.
    pub model: Option<String>,
    /// How the system prompt changes: `replace`, `prepend` or `append`. Its text is not shown.
    pub system: Option<String>,
    /// How many other fields of the body change.
    pub fields: usize,
    /// How many headers are set or removed.
    pub headers: usize,
}

/// A problem.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct ProblemView {
    /// Whether green's safety cannot be assessed because of it.
    pub is_severe: bool,
    /// The problem.
    pub what: String,
    /// How to fix it.
    #[serde(rename = "mend")]
    pub fix: String,
}

/// What an older filter counts.
#[cfg(not(target_arch = "wasm32"))]
fn users() -> String {
    "users".to_owned()
}

/// Counters as a JSON object that keeps their order.
mod by_name {
    #[cfg(not(target_arch = "wasm32"))]
    use serde::Deserializer;
    use serde::Serializer;

    pub fn serialize<S: Serializer>(
        counters: &[(String, u64)],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(counters.iter().map(|(name, count)| (name, count)))
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<(String, u64)>, D::Error> {
        use std::fmt;

        struct CounterMapVisitor;

        impl<'de> serde::de::Visitor<'de> for CounterMapVisitor {
            type Value = Vec<(String, u64)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("counters by name")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut entries: A,
            ) -> Result<Self::Value, A::Error> {
                let mut counters = Vec::new();
                while let Some(entry) = entries.next_entry()? {
                    counters.push(entry);
                }
                Ok(counters)
            }
        }

        deserializer.deserialize_map(CounterMapVisitor)
    }
}

// === impl VersionView ===

impl VersionView {
    /// A counter of the version, if it exists.
    pub(super) fn counter(&self, name: &str) -> Option<u64> {
        self.counters.iter().find(|(it, _)| it == name).map(|(_, count)| *count)
    }
}
