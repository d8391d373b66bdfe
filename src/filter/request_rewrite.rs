//! A patched request, written to the host.

use super::hostcalls;
use crate::patch::{HeaderPatch, RequestHead, RequestPatch};
use crate::response::Format;

/// How much of a request's body is there.
#[derive(Clone, Copy)]
pub enum BodyState<'a> {
    /// The request has no body.
    None,
    /// The body has not arrived yet.
    Pending,
    /// The whole body.
    Complete(&'a [u8]),
    /// The body exceeds the limit, or the host refuses to show it.
    TooLarge,
}

/// The changes to one request.
#[derive(Default)]
pub struct RequestRewrite<'a> {
    headers: Option<&'a HeaderPatch>,
    path: Option<String>,
    body: Option<String>,
    /// Whether the request has a `content-length`, which must be changed with the body.
    has_content_length: bool,
}

// === impl BodyState ===

impl BodyState<'_> {
    /// Whether the request has a body.
    pub fn is_some(&self) -> bool {
        !matches!(self, Self::None)
    }
}

// === impl RequestRewrite ===

impl<'a> RequestRewrite<'a> {
    /// The changes that `patch` makes to the request; `None` if it cannot be applied.
    pub fn from_patch(
        patch: &'a RequestPatch,
        head: &RequestHead,
        format: Option<Format>,
        body: Option<&[u8]>,
    ) -> Option<Self> {
        let mut rewrite = Self::headers_only(patch);
        let Some(format) = format else { return Some(rewrite) };
        let path = patch.body.path(str::from_utf8(&head.path).ok()?, format);
        // A request without a body is not sent to the model, and its path need not be patchable.
        rewrite.path = if head.has_body { path.ok()? } else { path.ok().flatten() };
        if let Some(body) = body {
            rewrite.body = Some(patch.body.body(body, format).ok()?);
            rewrite.has_content_length = head.length.is_some();
        }
        Some(rewrite)
    }

    /// The changes that `patch` makes to headers alone.
    pub fn headers_only(patch: &'a RequestPatch) -> Self {
        Self { headers: Some(&patch.headers), ..Self::default() }
    }

    /// Writes the body. Returns whether the host has accepted it.
    pub fn write_body(&self) -> bool {
        self.body.as_ref().is_none_or(|body| {
            let written = hostcalls::set_request_body(body.as_bytes());
            written
                .inspect_err(|error| log::error!("not patched: the host answered {error:?}"))
                .is_ok()
        })
    }

    /// Writes the headers. A host that has accepted the route's headers accepts these as well.
    pub fn write_headers(&self) {
        let length = self.body.as_ref().filter(|_| self.has_content_length).map(String::len);
        let length = length.map(|length| ("content-length", length.to_string()));
        let path = self.path.as_ref().map(|path| (":path", path.clone()));
        for (name, value) in length.into_iter().chain(path) {
            let _ = hostcalls::replace_request_header(name, &value);
        }
        let Some(headers) = self.headers else { return };
        for name in &headers.remove {
            let _ = hostcalls::remove_request_header(name.as_str());
        }
        for (name, value) in &headers.set {
            let _ = hostcalls::replace_request_header(name.as_str(), value);
        }
    }
}
