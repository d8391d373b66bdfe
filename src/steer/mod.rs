//! Steering by hand: what an operator orders, and what becomes of it.
//!
//! | file | concept |
//! |---|---|
//! | [`order`] | an order, and why one is refused |
//! | [`weights`] | a rollout without a ramp, and the order that holds in it |
//! | [`crate::ramp::obey`] | what an order does to a ramp |
//!
//! An order holds until `weights` or `ramp` itself changes in the configuration.

pub mod order;
pub mod weights;

pub use order::{Order, Refusal, Verb};
pub use weights::Weights;
