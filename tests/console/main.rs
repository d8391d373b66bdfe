//! The operator's page: what it says, that no text breaks out of it, that a person can
//! read it in a real browser, and who may ask for what. Steering by it is tested with the
//! filter itself.

mod access;
mod browser;
#[allow(dead_code, reason = "who steers does more")]
mod browser_user;
mod build_view;
mod colours;
mod fixtures;
#[allow(dead_code, reason = "a ramp's own tests do more with it")]
#[path = "../rollout/harness.rs"]
mod harness;
mod headline;
mod interval_chart;
mod markup;
mod reading;
mod rejections;
mod server;
