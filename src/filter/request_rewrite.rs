//! A request as its version has it, written to the host.

use super::hostcalls;
use crate::patch::{HeaderPatch, RequestHead, RequestPatch};
use crate::response::Format;

/// What is known of a request's body.
#[derive(Clone, Copy)]
pub enum BodyState<'a> {
    /// There is none.
    None,
    /// It has not come yet.
    Pending,
    /// It is whole.
    Complete(&'a [u8]),
    /// It has more bytes than are looked at, or the host does not show it.
    TooLarge,
}

/// What of a request is to be written.
#[derive(Default)]
pub struct RequestRewrite<'a> {
    headers: Option<&'a HeaderPatch>,
    path: Option<String>,
    body: Option<String>,
    has_content_length: bool,
}

// === impl BodySoFar ===

impl BodyState<'_> {
    pub fn is_some(&self) -> bool {
        !matches!(self, Self::None)
    }
}

// === impl Patched ===

impl<'a> RequestRewrite<'a> {
    /// The request as `patch` has it; `None` where it does not fit.
    pub fn from_patch(
        patch: &'a RequestPatch,
        head: &RequestHead,
        format: Option<Format>,
        body: Option<&[u8]>,
    ) -> Option<Self> {
        let mut patched = Self::headers_only(patch);
        let Some(format) = format else { return Some(patched) };
        let path = patch.body.path(str::from_utf8(&head.path).ok()?, format);
        // Without a body it is no request to the model.
        patched.path = if head.has_body { path.ok()? } else { path.ok().flatten() };
        if let Some(body) = body {
            patched.body = Some(patch.body.body(body, format).ok()?);
            patched.has_content_length = head.length.is_some();
        }
        Some(patched)
    }

    /// The request with nothing changed but its headers.
    pub fn headers_only(patch: &'a RequestPatch) -> Self {
        Self { headers: Some(&patch.headers), ..Self::default() }
    }

    /// Writes the body; whether it could.
    pub fn write_body(&self) -> bool {
        self.body.as_ref().is_none_or(|body| {
            let written = hostcalls::set_request_body(body.as_bytes());
            written
                .inspect_err(|error| log::error!("not patched: the host answered {error:?}"))
                .is_ok()
        })
    }

    /// Writes the headers. The host takes these wherever it takes the route's.
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
