//! Samples of requests with their answers, for a judge or an export.
//!
//! | file | concept |
//! |---|---|
//! | [`sampler`] | which requests are sampled |
//! | [`conversation_text`] | the messages in the body of a request |
//! | [`sample`] | a request with its answer |
//! | [`sample_queue`] | samples that wait to be sent |
//!
//! Prompts and answers are copied only for sampled requests, up to a bound, and are in the VM's memory
//! only until they are sent. They are never logged.

pub mod conversation_text;
pub mod sample;
pub mod sample_queue;
pub mod sampler;

pub use conversation_text::{Message, read_messages};
pub use sample::{Sample, Unjudged};
pub use sample_queue::SampleQueue;
pub use sampler::{ComparedShares, Sampler};
