//! What a version changes in its requests: a prompt or a model as a release.
//!
//! | file | concept |
//! |---|---|
//! | [`merge`] | JSON merge patch |
//! | [`model`] | the model, in the body or in the path |
//! | [`system_prompt`] | the system prompt, in each provider's place |
//! | [`usage_option`] | asking a stream for its token counts |
//! | [`request_head`] | whether a request can be patched, by its headers |
//! | [`request_patch`] | all of it, as a version has it |
//!
//! What a patch does not touch keeps its bytes, order, white space and numbers. A patch
//! is made whole or not at all.

pub mod merge;
pub mod model;
pub mod request_head;
pub mod request_patch;
pub mod system_prompt;
pub mod usage_option;

pub use request_head::{PatchScope, RequestHead};
pub use request_patch::{BodyPatch, HeaderPatch, NotPatchable, RequestPatch};
pub use system_prompt::{Placement, System};
