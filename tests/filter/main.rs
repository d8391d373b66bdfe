//! The built `.wasm` at work.
//!
//! A scenario, a test in a module named `scenarios`, runs twice: on a host emulator that
//! interprets the `.wasm`, and in a real Envoy with the shipped bootstrap. Tests that only one
//! of the two can run are in [`host_only`] and [`envoy_only`].
//!
//! `make test` builds the `.wasm` and has Envoy ready before it runs these.

mod artifacts;
mod assignment;
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
mod shadow;
mod steering;
