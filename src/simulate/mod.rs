//! Simulated rollouts: the analysis, thousands of times, in worlds whose truth is known. Native
//! only.
//!
//! | file | concept |
//! |---|---|
//! | [`world`] | traffic, and what the versions answer |
//! | [`behaviour`] | how the versions behave in one metric |
//! | [`timing`] | how long responses take, and which do not end by themselves |
//! | [`population`] | the users |
//! | `traffic` | the requests of a world, and the observations of them |
//! | [`pairs`] | the pairs of a shadow step |
//! | [`run`] | the analysis alone, on a fixed schedule |
//! | [`rollout`] | a configured ramp, advanced by its own controller |
//! | [`runs`] | many runs, and their statistics |

pub mod behaviour;
pub mod pairs;
pub mod population;
pub mod rollout;
pub mod run;
pub mod runs;
pub mod timing;
mod traffic;
pub mod world;

pub use behaviour::Behaviour;
pub use pairs::{PairedRun, PairedTraffic, run_pairs};
pub use population::{Activity, Users};
pub use rollout::SimulatedRollout;
pub use run::{Pacing, RunEnd, Schedule, SimulatedRun};
pub use runs::{Runs, in_parallel, run_many};
pub use timing::Timing;
pub use world::{Incident, World};
