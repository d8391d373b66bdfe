//! What `/state.json` says of the past: green's shares and the decisions.

#[cfg(not(target_arch = "wasm32"))]
use serde::Deserialize;
use serde::Serialize;

/// Green's share from a time on.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct ShareView {
    /// When the share came into force.
    pub at_ms: u64,
    /// Green's share.
    pub green_bp: u32,
    /// The phase from that time on.
    pub phase: String,
}

/// A decision.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct DecisionView {
    /// When it was made.
    pub at_ms: u64,
    /// The phase before it.
    pub from_phase: String,
    /// Green's share before it.
    pub from_bp: u32,
    /// The phase after it.
    pub to_phase: String,
    /// Green's share after it.
    pub to_bp: u32,
    /// The reason, in one line.
    pub why: String,
}
