//! The native command, run as a process.

mod check;
mod docs;
#[path = "../support/documents.rs"]
#[allow(dead_code, reason = "each test binary uses a part")]
mod documents;
mod explain;
#[path = "../console/fixtures/mod.rs"]
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
mod sizing;
mod status;
mod status_wait;
mod steer;
mod terminal;
mod watch;
mod weights_script;
