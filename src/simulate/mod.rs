//! Simulated rollouts: the analysis, thousands of times, in worlds whose truth is known. Native
//! only.
//!
//! | file | concept |
//! |---|---|
//! | [`world`] | traffic, and what the versions answer |
//! | [`behaviour`] | how the versions behave in one metric |
//! | [`drift`] | how traffic and versions change over the day |
//! | [`timing`] | how long responses take, and which do not end by themselves |
//! | [`population`] | the users |
//! | `request` | what requests reveal before they are answered |
//! | `traffic` | the requests of a world, and the observations of them |
//! | [`pairs`] | the pairs of a shadow step |
//! | [`run`] | the analysis alone, on a fixed schedule |
//! | [`rollout`] | a configured ramp, advanced by its own controller |
//! | [`peers`] | the rules of other tools |
//! | [`comparison`] | one ramp that the gate and the rules of other tools watch |
//! | [`runs`] | many runs, and their statistics |

pub mod behaviour;
pub mod comparison;
pub mod drift;
pub mod pairs;
pub mod peers;
pub mod population;
mod request;
pub mod rollout;
pub mod run;
pub mod runs;
pub mod timing;
mod traffic;
pub mod world;

pub use behaviour::Behaviour;
pub use comparison::{Comparison, Finding};
pub use drift::Drift;
pub use pairs::{PairedRun, PairedTraffic, run_pairs};
pub use peers::PeerSettings;
pub use population::{Activity, Users};
pub use rollout::SimulatedRollout;
pub use run::{Pacing, RunEnd, Schedule, SimulatedRun};
pub use runs::{Runs, in_parallel, run_many};
pub use timing::Timing;
pub use world::{Incident, World};
