//! Ramps without traffic: the judge, thousands of times, against a world whose truth is
//! known. Native only.
//!
//! | file | concept |
//! |---|---|
//! | [`world`] | what users do, and what the versions answer |
//! | `traffic` | its requests, and what the judge is told of them |
//! | [`run`] | the judge alone, on a course that is set |
//! | [`rollout`] | a ramp as the operator wrote it, walked by its own machine |
//! | [`runs`] | many of them, and what they come to |

pub mod rollout;
pub mod run;
pub mod runs;
mod traffic;
pub mod world;

pub use rollout::SimulatedRollout;
pub use run::{Pacing, RunEnd, Schedule, SimulatedRun};
pub use runs::{Runs, in_parallel, run_many};
pub use world::{Behaviour, Incident, Users, World};
