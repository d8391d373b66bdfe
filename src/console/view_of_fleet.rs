//! A fleet in `/state.json`; see [`view`](super::view).

#[cfg(not(target_arch = "wasm32"))]
use serde::Deserialize;
use serde::Serialize;

/// The Envoys that share a rollout.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct FleetView {
    /// The name of this Envoy; empty before it has tried to reach the store.
    pub instance: String,
    /// The name of the instance that decides; `None` before anything is known.
    pub decider: Option<String>,
    /// How long ago the store has last done all that this Envoy needed; `None`: never.
    pub store_silent_s: Option<u64>,
    /// Whether that is too long ago: the ramp does not advance, and this Envoy assigns by what it
    /// knew last.
    pub is_store_away: bool,
    /// Whether this Envoy has rolled back by itself, and the fleet has not, or not yet.
    #[cfg_attr(not(target_arch = "wasm32"), serde(default))]
    pub is_rolled_back_alone: bool,
    /// The error of the latest call to the store, if it failed.
    pub error: Option<String>,
    /// The instances, as the deciding one knew them last.
    pub instances: Vec<InstanceView>,
}

/// An Envoy of a fleet.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct InstanceView {
    /// Its name.
    pub name: String,
    /// How long ago its evidence or its presence was read.
    pub seen_s_ago: u64,
    /// Green's share that it assigned by then.
    pub green_bp: u32,
    /// Its share of all evidence that was handed over, from 0 to 1.
    pub evidence: f64,
    /// Whether its configuration was the one that decides.
    pub is_current: bool,
    /// Whether it assigned by another share after the one in force came, or was not read for long.
    pub lags: bool,
}
