//! A shadow step in `/state.json`; see [`view`](super::view).

#[cfg(not(target_arch = "wasm32"))]
use serde::Deserialize;
use serde::Serialize;

/// The shadow step of a ramp: green answers copies of blue's requests, and no user is on it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct ShadowStepView {
    /// Whether the ramp is in the step, or was rolled back in it.
    pub is_current: bool,
    /// The share of users whose requests are copied.
    pub share_bp: u32,
    /// Pairs: requests that both versions have answered.
    pub pairs: u64,
    /// Users with a pair; requests with one where each request counts.
    pub units: u64,
    /// What a unit is: `users` or `requests`.
    pub counts: String,
    /// After how many pairs the ramp holds if the step is not decided.
    pub max_pairs: u64,
    /// An estimate of the pairs that are needed, if there is enough evidence for one.
    pub pairs_needed: Option<u64>,
    /// `pass`, `fail` or `undecided`.
    pub verdict: String,
    /// The evidence for a rollback as a fraction of the required amount: at 1 green is rolled back.
    pub worse: f64,
    /// The gates that pairs are compared by; empty before the first pair.
    pub gates: Vec<PairedGateView>,
}

/// A gate over pairs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct PairedGateView {
    /// The metric, such as `duration`.
    pub metric: String,
    /// Whether the ramp depends on this gate.
    pub is_critical: bool,
    /// `pass`, `fail`, `undecided`, `left_out`, or `not_comparable`: the metric is missing more
    /// often on one side.
    pub verdict: String,
    /// Units with a pair in which the metric is known on both sides.
    pub units: u64,
    /// For a rate: units in whose first bad pair only blue's response was bad.
    pub blue_only: Option<u64>,
    /// The same for green's response.
    pub green_only: Option<u64>,
    /// The same for both responses.
    pub both: Option<u64>,
    /// For values: the geometric mean of the ratios of green's value to blue's.
    pub ratio: Option<f64>,
    /// The lower limit of the ratio's confidence interval.
    pub low: Option<f64>,
    /// The upper limit of the ratio's confidence interval.
    pub high: Option<f64>,
    /// Units with a pair in which the metric is missing on blue's side.
    pub blue_missing: u64,
    /// Units with a pair in which the metric is missing on green's side.
    pub green_missing: u64,
    /// This gate's evidence for a rollback as a fraction of the required amount.
    pub worse: f64,
    /// This gate's evidence for going on as a fraction of the required amount.
    pub safe: f64,
}
