//! What is done with a request that was assigned a version.
//!
//! [`PlanContext::plan`] decides it. The first row that matches counts:
//!
//! | situation | action |
//! |---|---|
//! | the host does not provide headers that the plan depends on | send it to blue |
//! | the version has no patch | send it unchanged |
//! | the patch changes the body, which has not arrived | wait for the body |
//! | the patch can be applied | send it patched |
//! | the patch only asks for token counts | send it with its header changes |
//! | the version takes requests that cannot be patched | send it unchanged |
//! | green's patch cannot be applied, and blue's changes the body, which has not arrived | wait for the body |
//! | green's patch cannot be applied, and blue's can | send it to blue, patched as blue's requests are |
//! | anything else | send it to blue unchanged |
//!
//! Where the headers show that a version's patch cannot be applied, the request is evidence on neither
//! version. What only the body shows is not known on a version that does not read bodies. Such a request
//! is evidence for the version that it was assigned, also where blue answers it (intention to treat).

use super::patch_scope::PatchScope;
use super::request_head::RequestHead;
use super::request_patch::RequestPatch;
use super::rewrite::RequestRewrite;
use crate::assignment::Version;
use crate::response::Formats;

/// What is known of a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyState<'a> {
    /// The request has no body.
    None,
    /// The body has not arrived.
    Pending,
    /// The whole body.
    Complete(&'a [u8]),
    /// The body is larger than the limit, or the host does not provide it.
    Unavailable,
}

/// A request that was assigned a version, and what the configuration says about it.
#[derive(Clone, Copy, Debug)]
pub struct PlanContext<'a> {
    /// The version.
    pub version: Version,
    /// What blue changes in its requests.
    pub blue_patch: Option<&'a RequestPatch>,
    /// What green changes in its requests.
    pub green_patch: Option<&'a RequestPatch>,
    /// Which format a request has.
    pub formats: &'a Formats,
    /// The maximum size of a body that is read, and of a patched one, in bytes.
    pub max_body_bytes: usize,
    /// The maximum size of a body that is mirrored, in bytes.
    pub max_mirrored_bytes: usize,
    /// Whether the answer is evidence for a ramp.
    pub is_evidence: bool,
    /// Whether green is to answer a copy of the request.
    pub is_mirrored: bool,
}

/// What is done with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPlan<'p> {
    /// The next action.
    pub action: PlanAction<'p>,
    /// Whether the answer is still evidence for a ramp. An answer to a request that one of the versions
    /// could not be given, by its headers, is not: it would be compared with nothing.
    pub is_evidence: bool,
    /// Whether green is still to answer a copy of the request.
    pub is_mirrored: bool,
}

/// The next action for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanAction<'p> {
    /// Buffer the body, then plan again.
    AwaitBody,
    /// Send the request to its version with these changes.
    Send(RequestRewrite<'p>),
    /// Send the request to blue, with what blue changes in its requests where that can be applied.
    FallBackToBlue(RequestRewrite<'p>),
}

// === impl BodyState ===

impl BodyState<'_> {
    /// Whether the request has a body.
    pub fn is_some(self) -> bool {
        self != Self::None
    }
}

// === impl PlanContext ===

impl<'a> PlanContext<'a> {
    /// Whether the plan depends on the headers of the request.
    pub fn needs_head(&self) -> bool {
        self.patch().is_some() || self.other_requirement().is_some() || self.is_mirrored
    }

    /// Plans the request. `head` is `None` where [`needs_head`](Self::needs_head) is false, or
    /// the host does not provide the headers.
    pub fn plan(&self, head: Option<&RequestHead>, body: BodyState<'_>) -> RequestPlan<'a> {
        let Some(head) = head else { return self.plan_without_head() };
        let is_evidence = self.is_evidence && self.could_be_other(head);
        let is_mirrored = self.is_mirrored && self.may_mirror(head);
        let unchanged = PlanAction::Send(RequestRewrite::default());
        let Some(patch) = self.patch() else {
            return RequestPlan { action: unchanged, is_evidence, is_mirrored };
        };
        match self.apply(patch, head, body) {
            Some(action) => RequestPlan { action, is_evidence, is_mirrored },
            None => {
                let (formats, max_bytes) = (self.formats, self.max_body_bytes);
                let is_evidence =
                    is_evidence && could_be_patched(patch, formats, self.version, head, max_bytes);
                if patch.passes_unpatchable {
                    return RequestPlan { action: unchanged, is_evidence, is_mirrored };
                }
                let action = self.fall_back(head, body);
                RequestPlan { action, is_evidence, is_mirrored: false }
            }
        }
    }

    /// Whether a plan that waits for the body does so for blue's patch: the headers show that green's own
    /// cannot be applied.
    pub fn awaits_for_blue(&self, head: &RequestHead) -> bool {
        let is_applicable =
            |patch: &'a RequestPatch| self.apply(patch, head, BodyState::Pending).is_some();
        self.version == Version::Green && !self.patch().is_some_and(is_applicable)
    }

    /// What blue is sent instead of the version. A patch is applied as a whole or not at all.
    fn fall_back(&self, head: &RequestHead, body: BodyState<'_>) -> PlanAction<'a> {
        let of_blue = Self { version: Version::Blue, ..*self };
        let blue_patch = self.blue_patch.filter(|_| self.version == Version::Green);
        match blue_patch.and_then(|patch| of_blue.apply(patch, head, body)) {
            Some(PlanAction::AwaitBody) => PlanAction::AwaitBody,
            Some(PlanAction::Send(rewrite)) => PlanAction::FallBackToBlue(rewrite),
            Some(PlanAction::FallBackToBlue(_)) | None => {
                PlanAction::FallBackToBlue(RequestRewrite::default())
            }
        }
    }

    /// The changes outside of the body, for a request that is routed before its body has arrived.
    /// `None` where they cannot be applied.
    pub fn head_rewrite(&self, head: &RequestHead) -> Option<RequestRewrite<'a>> {
        let patch = self.patch()?;
        let format = patch.format_at(self.formats, self.version, &head.path);
        let of_headers = || (!patch.body.is_required()).then(|| RequestRewrite::of_headers(patch));
        let max_bytes = self.max_body_bytes;
        RequestRewrite::new(patch, head, format, None, max_bytes).or_else(of_headers)
    }

    fn plan_without_head(&self) -> RequestPlan<'a> {
        if self.patch().is_some() || self.other_requirement().is_some() {
            let action = PlanAction::FallBackToBlue(RequestRewrite::default());
            return RequestPlan { action, is_evidence: false, is_mirrored: false };
        }
        RequestPlan {
            action: PlanAction::Send(RequestRewrite::default()),
            is_evidence: self.is_evidence,
            is_mirrored: false,
        }
    }

    /// What the version changes in its requests.
    fn patch(&self) -> Option<&'a RequestPatch> {
        self.patch_of(self.version)
    }

    fn patch_of(&self, version: Version) -> Option<&'a RequestPatch> {
        match version {
            Version::Blue => self.blue_patch,
            Version::Green => self.green_patch,
        }
    }

    /// The patch of the other version, which must be applicable for the answer to be evidence: only
    /// requests that both versions could be given are compared.
    fn other_requirement(&self) -> Option<&'a RequestPatch> {
        let patch = self.patch_of(self.version.other()).filter(|_| self.is_evidence);
        patch.filter(|it| it.body.is_required())
    }

    /// Whether the other version could be given the request.
    fn could_be_other(&self, head: &RequestHead) -> bool {
        let other = self.version.other();
        self.other_requirement()
            .is_none_or(|it| could_be_patched(it, self.formats, other, head, self.max_body_bytes))
    }

    fn may_mirror(&self, head: &RequestHead) -> bool {
        may_mirror(self.green_patch, self.formats, head, self.max_mirrored_bytes)
    }

    /// The next action with this patch; `None` where it cannot be applied.
    fn apply(
        &self,
        patch: &'a RequestPatch,
        head: &RequestHead,
        body: BodyState<'_>,
    ) -> Option<PlanAction<'a>> {
        let format = patch.format_at(self.formats, self.version, &head.path);
        let max_bytes = self.max_body_bytes;
        let rewrite = match (patch.patch_scope(head, format, max_bytes), body) {
            (PatchScope::Body(_), BodyState::Pending) => return Some(PlanAction::AwaitBody),
            (PatchScope::Body(_), BodyState::Complete(bytes)) => {
                RequestRewrite::new(patch, head, format, Some(bytes), max_bytes)
            }
            (PatchScope::Head, _) => RequestRewrite::new(patch, head, format, None, max_bytes),
            (PatchScope::Body(_) | PatchScope::NotPatchable, _) => None,
        };
        let of_headers = || (!patch.body.is_required()).then(|| RequestRewrite::of_headers(patch));
        rewrite.or_else(of_headers).map(PlanAction::Send)
    }
}

/// Whether a copy of blue's request can be sent to green: it asks a model, green's patch can
/// be applied, and its body has `max_bytes` at most.
pub fn may_mirror(
    green_patch: Option<&RequestPatch>,
    formats: &Formats,
    head: &RequestHead,
    max_bytes: usize,
) -> bool {
    let is_patchable =
        |patch: &RequestPatch| could_be_patched(patch, formats, Version::Green, head, max_bytes);
    formats.asks_model(Version::Green, &head.path)
        && head.is_bufferable(max_bytes)
        && green_patch.is_none_or(is_patchable)
}

/// Whether the patch of this version can be applied, as far as the headers show. The patched body may
/// have `max_bytes` at most.
fn could_be_patched(
    patch: &RequestPatch,
    formats: &Formats,
    version: Version,
    head: &RequestHead,
    max_bytes: usize,
) -> bool {
    let format = patch.format_at(formats, version, &head.path);
    patch.patch_scope(head, format, max_bytes) != PatchScope::NotPatchable
}
