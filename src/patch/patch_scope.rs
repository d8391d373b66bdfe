//! Which parts of a request a patch changes.

use super::request_head::RequestHead;
use super::request_patch::{BodyPatch, RequestPatch};
use crate::assignment::Version;
use crate::response::known_path::is_text_completion;
use crate::response::{Format, Formats};

/// Which parts of a request a patch changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchScope {
    /// Headers and path only.
    Head,
    /// The body too, which has this format.
    Body(Format),
    /// The patch cannot be applied: the format is not known, the path has no place for the model,
    /// or the body cannot be buffered.
    NotPatchable,
}

// === impl RequestPatch ===

impl RequestPatch {
    /// The format of a request to `version` at `path`; `None` where it is not known, or where the
    /// patch changes what requests at this path do not have.
    pub fn format_at(&self, formats: &Formats, version: Version, path: &[u8]) -> Option<Format> {
        let has_no_place = || {
            self.body.system.is_some()
                && formats.configured(version, path).is_none()
                && is_text_completion(path)
        };
        formats.resolve_request(version, path).filter(|_| !has_no_place())
    }

    /// Which parts this patch changes of a request in `format`, where `max_request_body` is `max_bytes`.
    /// `format` is `None` where it is not known.
    ///
    /// A body to which the patch might add more than [`PATCH_ROOM`](super::PATCH_ROOM) allows is left out by
    /// its length. So the headers show it, on both versions.
    pub fn patch_scope(
        &self,
        head: &RequestHead,
        format: Option<Format>,
        max_bytes: usize,
    ) -> PatchScope {
        if !head.has_body || self.body == BodyPatch::default() {
            return PatchScope::Head;
        }
        let Ok(path) = str::from_utf8(&head.path) else { return PatchScope::NotPatchable };
        match format {
            Some(format) if self.body.path(path, format).is_err() => PatchScope::NotPatchable,
            Some(format) if !self.body.needs_body(format, path) => PatchScope::Head,
            Some(format) => match self.largest_body(max_bytes) {
                Some(largest) if head.is_bufferable(largest) => PatchScope::Body(format),
                _ => PatchScope::NotPatchable,
            },
            None => PatchScope::NotPatchable,
        }
    }
}
