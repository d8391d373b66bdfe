//! The native command, as it is run.

mod check;
mod check_envoy;
mod check_failover;
mod check_plugin;
mod docs;
mod explain;
#[path = "../console/fixtures.rs"]
mod fixtures;
mod plan;
#[path = "../support/port.rs"]
mod port;
mod reload;
mod run;
mod scripts;
#[path = "../console/server.rs"]
mod server;
mod set_weights;
mod status;
mod terminal;
mod watch;
