//! What users and judges say of answers.
//!
//! | file | concept |
//! |---|---|
//! | [`event`] | a thumb or a score, in the body of a request |
//! | [`signed_exposure`] | which version answered in which step, as the answer's header says it |
//! | [`rate_limiter`] | how often one unit is listened to |
//!
//! Nothing is stored of an answer. It carries a receipt, which feedback brings back; what
//! the filter needs to know is in it, and a keyed hash, so that nobody can make one up.

pub mod event;
pub mod rate_limiter;
pub mod signed_exposure;

pub use event::{FeedbackEvent, FeedbackPointers, Thumb};
pub use rate_limiter::RateLimiter;
pub use signed_exposure::{ExposureKey, SignedExposure};
