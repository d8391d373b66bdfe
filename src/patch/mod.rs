//! What a version changes in its requests: a prompt or a model as a release.
//!
//! | file | concept |
//! |---|---|
//! | [`document`] | JSON as it was written, with some of it exchanged |
//! | [`merge`] | JSON merge patch |
//! | [`model`] | the model, in the body or in the path |
//! | [`system`] | the system prompt, in each provider's place |
//! | [`usage`] | asking a stream for its token counts |
//! | [`pointer`] | a text in a body |
//! | [`head`] | whether a request can be patched, by its headers |
//! | [`request`] | all of it, as a version has it |
//!
//! What a patch does not touch keeps its bytes, order, white space and numbers. A patch
//! is made whole or not at all.

pub mod document;
pub mod head;
pub mod merge;
pub mod model;
pub mod pointer;
pub mod request;
pub mod system;
pub mod usage;

pub use head::{Fit, RequestHead};
pub use request::{BodyPatch, HeaderPatch, RequestPatch, Unfit};
pub use system::{Placement, System};
