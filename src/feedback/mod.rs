//! Feedback on answers, by users and by LLM judges.
//!
//! | file | concept |
//! |---|---|
//! | [`event`] | a thumb or a score, in the body of a request |
//! | [`pointers`] | where a body has them |
//! | [`signed_exposure`] | the version and step of an answer, signed, as a header carries it |
//! | [`rate_limiter`] | how often feedback of one unit counts |
//! | [`intake`] | what is done with a request that carries feedback |
//!
//! The filter keeps nothing about an answer. An answer carries a signed exposure, and feedback
//! returns it: it holds all that the filter needs, with a keyed hash that prevents forgery.

pub mod event;
pub mod intake;
pub mod pointers;
pub mod rate_limiter;
pub mod signed_exposure;

pub use event::{FeedbackEvent, Thumb};
pub use intake::{AcceptedFeedback, FeedbackIntake, FeedbackRequest, RejectedFeedback};
pub use pointers::FeedbackPointers;
pub use rate_limiter::RateLimiter;
pub use signed_exposure::{ExposureKey, SignedExposure};
