//! The built `.wasm` at work.
//!
//! [`scenarios`] runs each scenario twice: natively, on a host emulator that runs
//! the `.wasm` itself, and in a real Envoy with the shipped bootstrap. What only
//! the one or the other can show is in `host_only` and `envoy_only`.
//!
//! `make test` builds the `.wasm` and has Envoy ready before it runs these.

mod artifacts;
#[allow(dead_code, reason = "who reads does more")]
#[path = "../console/browser.rs"]
mod browser;
#[path = "../console/browser_user.rs"]
mod browser_user;
mod cas_conflicts;
mod envoy;
mod envoy_only;
mod failover;
mod feedback;
mod host;
mod host_only;
mod lease;
mod memory;
mod outcomes;
mod patching;
#[path = "../support/port.rs"]
mod port;
mod proxy;
mod rejected;
mod scenarios;
mod shadow;
mod steering;
