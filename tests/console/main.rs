//! The operator's page: its texts, its markup, its use in a real browser, and access control.
//! Operator commands are tested with the filter itself.

mod access;
mod access_at_path;
mod browser;
#[allow(dead_code, reason = "the tests of operator commands use more of it")]
mod browser_user;
mod build_view;
mod colours;
mod commands;
mod difference_chart;
mod documents;
mod fixtures;
mod fleet;
mod gate_sentence;
#[allow(dead_code, reason = "a ramp's own tests do more with it")]
#[path = "../rollout/harness.rs"]
mod harness;
mod headline;
mod health;
mod interval_chart;
mod judge;
mod markup;
mod outlook;
mod outlook_log;
mod reading;
mod rejections;
mod server;
