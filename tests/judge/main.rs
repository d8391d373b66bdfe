//! The judge: its questions, its answers and how they are read, and what it costs.

mod answer;
mod calibration;
mod labelled_pairs;
mod ledger;
#[path = "../support/port.rs"]
mod port;
#[path = "../support/process.rs"]
#[allow(dead_code, reason = "each test binary uses a part")]
mod process;
mod question;
#[path = "../support/small_model.rs"]
mod small_model;
mod swap;
