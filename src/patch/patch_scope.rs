//! Which parts of a request a patch changes.

use super::request_head::RequestHead;
use super::request_patch::{BodyPatch, RequestPatch};
use crate::response::Format;

/// Which parts of a request a patch changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchScope {
    /// Headers and path only.
    Head,
    /// The body too, which has this format.
    Body(Format),
    /// The patch cannot be applied: the format is not known, or the body cannot be buffered.
    NotPatchable,
}

// === impl RequestPatch ===

impl RequestPatch {
    /// Which parts this patch changes of a request in `format`, whose body may have up to
    /// `max_bytes`. `format` is `None` where it is not known.
    pub fn patch_scope(
        &self,
        head: &RequestHead,
        format: Option<Format>,
        max_bytes: usize,
    ) -> PatchScope {
        if !head.has_body || self.body == BodyPatch::default() {
            return PatchScope::Head;
        }
        match format {
            Some(format) if !self.body.needs_body(format) => PatchScope::Head,
            Some(format) if head.is_bufferable(max_bytes) => PatchScope::Body(format),
            _ => PatchScope::NotPatchable,
        }
    }
}
