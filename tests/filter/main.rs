//! Tests of the built `.wasm`.
//!
//! A test in a module named `scenarios` runs twice: on a host emulator that interprets the
//! `.wasm`, and in a real Envoy with the shipped bootstrap. [`envoy_only`] contains the tests
//! that need a real Envoy; tests outside of `scenarios` and `envoy_only` need the emulator.
//!
//! `make test` builds the `.wasm` and installs Envoy before it runs these tests.

mod adjustment;
mod adopted_rollouts;
mod after_routing;
mod artifacts;
mod assignment;
mod baseline;
mod beginning;
#[allow(dead_code, reason = "the tests of the console use more of it")]
#[path = "../console/browser.rs"]
mod browser;
#[path = "../console/browser_user.rs"]
mod browser_user;
mod callouts;
mod cas_conflicts;
mod clock_steps;
mod console_path;
#[path = "../support/documents.rs"]
#[allow(dead_code, reason = "each test binary uses a part")]
mod documents;
mod envoy;
mod envoy_only;
#[path = "../support/etcd.rs"]
#[allow(dead_code, reason = "each test binary uses a part")]
mod etcd_server;
mod exports;
mod failover;
#[path = "../support/faulty_grpc.rs"]
#[allow(dead_code, reason = "each test binary uses a part")]
mod faulty_grpc;
mod feedback;
#[path = "../support/grpc_client.rs"]
#[allow(dead_code, reason = "each test binary uses a part")]
mod grpc_client;
mod host;
mod hostcalls;
#[path = "../support/kube_api.rs"]
#[allow(dead_code, reason = "each test binary uses a part")]
mod kube_api;
#[path = "../support/kube_server.rs"]
mod kube_server;
mod lease;
mod left_out;
mod memory;
mod outcomes;
mod outlook;
mod patching;
#[path = "../support/port.rs"]
mod port;
mod proxy;
mod ramp_vms;
mod reading;
mod redirects;
mod refused_calls;
mod rejected;
mod root_contexts;
mod route;
mod sampling;
mod shadow;
mod shadow_step;
mod shared_names;
#[path = "../support/small_model.rs"]
#[allow(dead_code, reason = "each test binary uses a part")]
mod small_model;
mod steering;
#[path = "../support/tcp_gate.rs"]
#[allow(dead_code, reason = "each test binary uses a part")]
mod tcp_gate;
mod uploads;
mod version_header;
mod waiting;

use envoy::process;
