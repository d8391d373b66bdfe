//! The changes of one request, to be written to the host.

use super::request_head::RequestHead;
use super::request_patch::{HeaderPatch, PATCH_ROOM, RequestPatch};
use crate::response::Format;

/// The changes of one request. The default changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestRewrite<'p> {
    headers: Option<&'p HeaderPatch>,
    path: Option<String>,
    body: Option<String>,
    /// Whether the request states the length of its body, which then changes with it.
    has_content_length: bool,
}

/// A change of one header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderChange<'a> {
    /// Removes the header.
    Remove(&'a str),
    /// Sets the header, and replaces an existing one.
    Set(&'a str, &'a str),
}

// === impl RequestRewrite ===

impl<'p> RequestRewrite<'p> {
    /// Applies `patch` to a request; `None` where it cannot be applied.
    ///
    /// `format` is `None` where it is not known, and `body` where it does not change. The new body exceeds
    /// `max_bytes` by [`PATCH_ROOM`] at most: Envoy answers 413 to a request whose body exceeds its buffer.
    pub fn new(
        patch: &'p RequestPatch,
        head: &RequestHead,
        format: Option<Format>,
        body: Option<&[u8]>,
        max_bytes: usize,
    ) -> Option<Self> {
        let mut rewrite = Self::of_headers(patch);
        let Some(format) = format else { return Some(rewrite) };
        let path = str::from_utf8(&head.path).ok()?;
        let new_path = patch.body.path(path, format);
        // A request without a body asks no model, so its path need not name one.
        rewrite.path = if head.has_body { new_path.ok()? } else { new_path.ok().flatten() };
        if let Some(body) = body {
            let new_body = patch.body.body(body, format, path).ok()?;
            if new_body.len() > max_bytes.saturating_add(PATCH_ROOM) {
                return None;
            }
            rewrite.body = Some(new_body);
            rewrite.has_content_length = head.length.is_some();
        }
        Some(rewrite)
    }

    /// Applies only the header changes of `patch`.
    pub fn of_headers(patch: &'p RequestPatch) -> Self {
        Self { headers: Some(&patch.headers), ..Self::default() }
    }

    /// The new body; `None` where it does not change.
    pub fn body(&self) -> Option<&str> {
        self.body.as_deref()
    }

    /// Gives `write` the changes of the headers, including `:path` and `content-length`.
    pub fn write_headers(&self, mut write: impl FnMut(HeaderChange<'_>)) {
        if let Some(body) = self.body.as_ref().filter(|_| self.has_content_length) {
            write(HeaderChange::Set("content-length", &body.len().to_string()));
        }
        if let Some(path) = &self.path {
            write(HeaderChange::Set(":path", path));
        }
        let Some(headers) = self.headers else { return };
        for name in &headers.remove {
            write(HeaderChange::Remove(name.as_str()));
        }
        for (name, value) in &headers.set {
            write(HeaderChange::Set(name.as_str(), value));
        }
    }
}
