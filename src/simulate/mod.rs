//! Ramps without traffic: the judge, thousands of times, against a world whose truth is
//! known. Native only.
//!
//! | file | concept |
//! |---|---|
//! | [`world`] | what users do, and what the versions answer |
//! | `traffic` | its requests, and what the judge is told of them |
//! | [`ramp`] | the judge alone, on a course that is set |
//! | [`release`] | a ramp as the operator wrote it, walked by its own machine |
//! | [`many`] | many of them, and what they come to |

pub mod many;
pub mod ramp;
pub mod release;
mod traffic;
pub mod world;

pub use many::{Runs, in_parallel, run_many};
pub use ramp::{Course, End, Run, Walk};
pub use release::Release;
pub use world::{Behaviour, Incident, Users, World};
