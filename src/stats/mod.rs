//! Statistics: their names.

pub mod names;

pub use names::*;
