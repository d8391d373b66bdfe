//! The native command, as it is run.

mod check;
mod docs;
mod explain;
mod plan;
mod reload;
mod run;
mod set_weights;
