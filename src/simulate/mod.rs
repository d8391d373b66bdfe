//! Ramps without traffic: the judge, thousands of times, against a world whose truth is
//! known. Native only.
//!
//! | file | concept |
//! |---|---|
//! | [`world`] | what users do, and what the versions answer |
//! | [`ramp`] | one ramp through that world |
//! | [`many`] | many of them, and what they come to |

pub mod many;
pub mod ramp;
pub mod world;

pub use many::{Runs, run_many};
pub use ramp::{Course, End, Run, Walk};
pub use world::{Behaviour, Incident, Users, World};
