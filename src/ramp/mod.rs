//! The ramp: the steps of green's share, and the machine that walks them.
//!
//! | file | concept |
//! |---|---|
//! | [`settings`] | what the operator wants of a ramp |
//! | [`phase`] | where it stands, and what it waits for |
//! | [`state`] | all that is known of it |
//! | [`machine`] | a tick's observations in, decisions out |
//! | [`obey`] | what an order does to it |
//! | [`in_force`] | what every worker needs to know |
//! | [`told`] | what a response's outcome tells the judge |
//! | [`log`] | the decision log |
//! | [`decimal`] | numbers in it |

pub mod decimal;
pub mod in_force;
pub mod log;
pub mod machine;
pub mod obey;
pub mod phase;
pub mod settings;
pub mod state;
pub mod told;

pub use in_force::InForce;
pub use log::Entry;
pub use phase::{Phase, Wait};
pub use settings::{RampStep, Settings};
pub use state::{Now, State};
pub use told::{Measure, told};
