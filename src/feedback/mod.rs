//! What users and judges say of answers.
//!
//! | file | concept |
//! |---|---|
//! | [`vote`] | a thumb or a score, in the body of a request |
//! | [`receipt`] | which version answered in which step, as the answer's header says it |
//! | [`limit`] | how often one unit is listened to |
//!
//! Nothing is stored of an answer. It carries a receipt, which feedback brings back; what
//! the filter needs to know is in it, and a keyed hash, so that nobody can make one up.

pub mod limit;
pub mod receipt;
pub mod vote;

pub use limit::Limiter;
pub use receipt::{Key, Receipt};
pub use vote::{Thumb, Vote, VotePlaces};
