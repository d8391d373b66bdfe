//! A judge in `/state.json`; see [`view`](super::view).

#[cfg(not(target_arch = "wasm32"))]
use serde::Deserialize;
use serde::Serialize;

/// A model that judges sampled answers, and what it has said.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct JudgeView {
    /// The judge's model.
    pub model: String,
    /// `score`, `pairwise` or `both`.
    pub mode: String,
    /// What it has cost on this day of UTC, in millionths of a US dollar.
    pub spent_microusd: u64,
    /// The most that it may cost in a day, in this Envoy; `None` without a ceiling.
    pub max_cost_microusd: Option<u64>,
    /// The ceiling of which that is an equal part, in a fleet; `None` without a fleet.
    #[serde(default)]
    pub fleet_max_cost_microusd: Option<u64>,
    /// Whether the ceiling is reached, so that nothing is judged until the next day of UTC.
    pub is_exhausted: bool,
    /// Blue's answers.
    pub blue: JudgedAnswersView,
    /// Green's answers.
    pub green: JudgedAnswersView,
    /// Pairs of both versions' answers; `None` without a shadow.
    pub pairs: Option<JudgedPairsView>,
}

/// A version's sampled answers since Envoy started.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct JudgedAnswersView {
    /// Answers with a score.
    pub judged: u64,
    /// Samples that the judge was not asked about.
    pub unjudged: u64,
    /// Answers of the judge that are no verdict.
    pub errors: u64,
}

/// The judged pairs since Envoy started.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct JudgedPairsView {
    /// Pairs with a verdict in both orders.
    pub judged: u64,
    /// Pairs that the judge was not asked about.
    pub unjudged: u64,
    /// Answers of the judge that are no verdict.
    pub errors: u64,
    /// Pairs of which it prefers blue's answer in both orders.
    pub preferred_blue: u64,
    /// Pairs of which it prefers green's answer in both orders.
    pub preferred_green: u64,
    /// Pairs of which it prefers neither in both orders.
    pub preferred_neither: u64,
    /// Pairs on which it contradicts itself when their order is swapped.
    pub inconsistent: u64,
    /// The share of judged pairs on which it agrees with itself, from 0 to 1; `None` without pairs.
    pub agreement: Option<f64>,
    /// Where the share of green's wins among wins and losses lies, from 0 to 1, valid at every look;
    /// `None` without any.
    pub green_wins: Option<[f64; 2]>,
}
