//! Tests of the built `.wasm`.
//!
//! A test in a module named `scenarios` runs twice: on a host emulator that interprets the
//! `.wasm`, and in a real Envoy with the shipped bootstrap. [`envoy_only`] contains the tests
//! that need a real Envoy; tests outside of `scenarios` and `envoy_only` need the emulator.
//!
//! `make test` builds the `.wasm` and installs Envoy before it runs these tests.

mod artifacts;
mod assignment;
#[allow(dead_code, reason = "the tests of the console use more of it")]
#[path = "../console/browser.rs"]
mod browser;
#[path = "../console/browser_user.rs"]
mod browser_user;
mod cas_conflicts;
#[path = "../support/documents.rs"]
#[allow(dead_code, reason = "each test binary uses a part")]
mod documents;
mod envoy;
mod envoy_only;
mod exports;
mod failover;
mod feedback;
mod host;
mod hostcalls;
mod lease;
mod memory;
mod outcomes;
mod patching;
#[path = "../support/port.rs"]
mod port;
mod proxy;
mod ramp_vms;
mod reading;
mod refused_calls;
mod rejected;
mod root_contexts;
mod shadow;
mod steering;
