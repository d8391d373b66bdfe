//! The development of differences in `/state.json`; see [`view`](super::view).

#[cfg(not(target_arch = "wasm32"))]
use serde::Deserialize;
use serde::Serialize;

/// How the difference of a gate has developed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct DifferenceView {
    /// The metric, such as `error_rate`.
    pub metric: String,
    /// The unit of the differences; see [`GateView::unit`](super::view::GateView::unit).
    pub unit: String,
    /// The difference from which green is worse than the margin allows, by blue's latest mean.
    pub margin_at: Option<f64>,
    /// Whether a positive difference is worse. For `output_tokens`, both directions are.
    pub higher_is_worse: bool,
    /// The differences, the oldest first.
    pub points: Vec<DifferencePointView>,
}

/// The difference of a gate at one time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct DifferencePointView {
    /// When.
    pub at_ms: u64,
    /// The step whose responses are compared, counted from 0.
    pub step: usize,
    /// Green's mean minus blue's.
    pub difference: f64,
    /// The lower limit of its confidence interval.
    pub low: Option<f64>,
    /// The upper limit of its confidence interval.
    pub high: Option<f64>,
}
