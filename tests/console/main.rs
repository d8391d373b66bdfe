//! The operator's page: what it says, that no text breaks out of it, that a person can
//! read it in a real browser, and who may ask for what. Steering by it is tested with the
//! filter itself.

mod ask;
mod browser;
mod colours;
mod first_line;
mod fixtures;
mod known;
mod markup;
#[allow(dead_code, reason = "who steers does more")]
mod person;
mod picture;
mod reading;
mod rejections;
mod server;
#[allow(dead_code, reason = "a ramp's own tests do more with it")]
#[path = "../ramp/walk.rs"]
mod walk;
