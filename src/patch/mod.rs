//! What a version changes in its requests, so that a prompt or a model can be a release.
//!
//! | file | concept |
//! |---|---|
//! | [`merge`] | JSON merge patch |
//! | [`model`] | the model in a path |
//! | [`system_prompt`] | the system prompt, where each format has it |
//! | [`usage_option`] | the option that asks a stream for its token counts |
//! | [`request_patch`] | all changes of a version |
//! | [`request_head`] | what a request's headers say, as far as a patch needs it |
//! | [`patch_scope`] | which parts of a request a patch changes, or that it cannot be applied |
//! | [`rewrite`] | the changes of one request, to be written to the host |
//! | [`plan`] | what is done with a request: wait for its body, send it, or send it to blue |
//!
//! What a patch does not change keeps its bytes: order, white space and numbers. A patch is
//! applied as a whole or not at all.

pub mod merge;
pub mod model;
pub mod patch_scope;
pub mod plan;
pub mod request_head;
pub mod request_patch;
pub mod rewrite;
pub mod system_prompt;
pub mod usage_option;

pub use patch_scope::PatchScope;
pub use plan::{BodyState, PlanAction, PlanContext, RequestPlan};
pub use request_head::RequestHead;
pub use request_patch::{BodyPatch, HeaderPatch, NotPatchable, PATCH_ROOM, RequestPatch};
pub use rewrite::{HeaderChange, RequestRewrite};
pub use system_prompt::{Placement, System};
