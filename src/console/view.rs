//! What the console shows, as data: the schema of `/state.json`.
//!
//! Times are milliseconds since 1970 or seconds, shares basis points, as the names say.
//! Fields may be added; none is renamed within one [`SCHEMA`].

#[cfg(not(target_arch = "wasm32"))]
use serde::Deserialize;
use serde::Serialize;

/// The number of this schema.
pub const SCHEMA: u32 = 1;

/// Everything.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct View {
    /// [`SCHEMA`].
    pub schema: u32,
    /// When it was looked at.
    pub now_ms: u64,
    /// Whether there is a token, so that who has it can steer.
    pub can_steer: bool,
    /// Every rollout that the filter runs on.
    pub rollouts: Vec<RolloutView>,
    /// What is wrong with no rollout in particular, such as a rejected configuration that
    /// belongs to none of them.
    #[cfg_attr(not(target_arch = "wasm32"), serde(default))]
    pub problems: Vec<ProblemView>,
}

/// One rollout.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct RolloutView {
    /// Its name.
    pub rollout: String,
    /// `ramping`, `holding`, `paused`, `promoted`, `rolled_back` or `by_hand`.
    pub phase: String,
    /// Green's share in force.
    pub green_bp: u32,
    /// Whether it is known where it stands. Just after a configuration has come it may not be.
    pub is_known: bool,
    /// Whether another rollout has come since, and no request under this one: it is over, and
    /// its last answers are ending.
    pub is_replaced: bool,
    /// Where its ramp stands, if it has one.
    pub ramp: Option<RampView>,
    /// What was ordered by hand and holds, if anything.
    pub order: Option<OrderView>,
    /// Whether the bodies of answers are read; without that there are no refusals, truncated
    /// answers or tokens to count. `None` where the filter does not say.
    #[cfg_attr(not(target_arch = "wasm32"), serde(default))]
    pub reads_bodies: Option<bool>,
    /// Blue, green, and the shadow where there is one.
    pub versions: Vec<VersionView>,
    /// Green's share over time, the oldest first.
    pub shares: Vec<ShareView>,
    /// The last decisions, the newest first.
    pub decisions: Vec<DecisionView>,
    /// What is wrong, the worst first.
    pub problems: Vec<ProblemView>,
}

/// Where a ramp stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct RampView {
    /// The step at hand, counted from 0.
    pub step: usize,
    /// All steps.
    pub steps: Vec<StepView>,
    /// What the next decision waits for: `nothing`, `bake`, `evidence`, `data`, `division`,
    /// `approval`, `resume`, `state_lost` or `restart`.
    pub waits_for: String,
    /// In about how many seconds that is, where it can be told.
    pub about_s: Option<u64>,
    /// For how long the step has lasted.
    pub in_step_s: u64,
    /// How long it lasts at least.
    pub bake_s: u64,
    /// After how long it is overdue.
    pub timeout_s: u64,
    /// Whether it is.
    pub is_overdue: bool,
    /// What the judge says; nothing in a step without a blue.
    pub judgement: Option<JudgementView>,
}

/// A step.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct StepView {
    /// Green's share in it.
    pub green_bp: u32,
    /// Whether a person must let the ramp into it.
    pub needs_approval: bool,
}

/// What the judge says of green.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct JudgementView {
    /// `pass`, `fail` or `undecided`.
    pub verdict: String,
    /// How much of the evidence that would roll back there is: 1 rolls back.
    pub worse: f64,
    /// Whether units are not divided as the weights say.
    pub is_mismatched: bool,
    /// Units that have had a response in the step and were on blue before it.
    pub blue_units: u64,
    /// As above.
    pub green_units: u64,
    /// Each gate.
    pub gates: Vec<GateView>,
}

/// What the judge says by one gate.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct GateView {
    /// What it looks at, such as `error_rate`.
    pub metric: String,
    /// What its numbers are: `share`, `ms`, `tokens`, `usd` or `score`.
    pub unit: String,
    /// Whether it decides, or is only watched.
    pub is_critical: bool,
    /// `pass`, `fail`, `undecided`, `left_out`, or `not_comparable`: the metric is known of one
    /// version only, or of unequal parts of both.
    pub verdict: String,
    /// Blue's mean, and of how many units.
    pub blue: Option<f64>,
    /// As above.
    pub blue_units: u64,
    /// Green's mean, and of how many units.
    pub green: Option<f64>,
    /// As above.
    pub green_units: u64,
    /// Units of blue's with a response that should tell of the metric and does not.
    #[serde(default)]
    pub blue_missing: u64,
    /// As above, of green's.
    #[serde(default)]
    pub green_missing: u64,
    /// Green's mean less blue's, between these; for people.
    pub low: Option<f64>,
    /// As above.
    pub high: Option<f64>,
    /// The difference from which green is worse than the margin allows; `None` of a rate while
    /// neither version has an event.
    pub margin_at: Option<f64>,
    /// The difference below which green must be shown to be, to go on.
    pub tolerance_at: Option<f64>,
    /// Whether a positive difference is the bad one. Of `output_tokens` both are.
    pub higher_is_worse: bool,
    /// How much of the evidence that would roll back this gate alone has: 1 rolls back.
    pub worse: f64,
    /// How much of the evidence that it takes to go on it has: 1 lets the ramp on.
    pub safe: f64,
}

/// What was ordered by hand, and holds until `weights` or `ramp` change in the
/// configuration.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct OrderView {
    /// Such as `pause` or `weights`.
    pub order: String,
    /// When it was given.
    pub at_ms: u64,
    /// Why, in the words of who gave it.
    pub reason: String,
}

/// What is counted of a version.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct VersionView {
    /// `blue`, `green` or `shadow`.
    pub version: String,
    /// Its counters, by name, as `/stats` has them.
    #[serde(with = "by_name")]
    pub counters: Vec<(String, u64)>,
}

/// Green's share from some time on.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct ShareView {
    /// From when.
    pub at_ms: u64,
    /// Green's share.
    pub green_bp: u32,
    /// The phase then.
    pub phase: String,
}

/// A decision.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct DecisionView {
    /// When.
    pub at_ms: u64,
    /// Where the rollout stood.
    pub from_phase: String,
    /// As above.
    pub from_bp: u32,
    /// Where it stands since.
    pub to_phase: String,
    /// As above.
    pub to_bp: u32,
    /// Why, in one line of words.
    pub why: String,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct ProblemView {
    /// Whether the release is not judged or not safe by it, or it is only to be known.
    pub is_severe: bool,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub mend: String,
}

/// A list of names and counts as an object, in the order of the list.
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

        struct InOrder;

        impl<'de> serde::de::Visitor<'de> for InOrder {
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

        deserializer.deserialize_map(InOrder)
    }
}
