//! What a request's headers say, as far as a patch need know.

use super::request_patch::{BodyPatch, RequestPatch};
use crate::response::{Format, Framing};

/// What a request's headers say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestHead {
    /// The path, with its query.
    pub path: Box<[u8]>,
    /// Whether there is a body.
    pub has_body: bool,
    /// Whether it says that it is JSON, not in another encoding.
    pub is_json: bool,
    /// Its length, where that is said.
    pub length: Option<usize>,
}

/// How a patch fits a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchScope {
    /// Nothing of the body is changed.
    Head,
    /// The body is to be waited for.
    Body(Format),
    /// It does not fit.
    Unfit,
}

// === impl RequestHead ===

impl RequestHead {
    /// What these headers say, by lower-case name. Of one that is repeated the first
    /// counts.
    pub fn from_headers<'a>(
        headers: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        has_body: bool,
    ) -> Self {
        let (mut path, mut kind, mut encoding, mut length) = (None, None, None, None);
        for (name, value) in headers {
            let place = match name {
                b":path" => &mut path,
                b"content-type" => &mut kind,
                b"content-encoding" => &mut encoding,
                b"content-length" => &mut length,
                _ => continue,
            };
            place.get_or_insert(value);
        }
        let is_plain =
            encoding.is_none_or(|it| it.is_empty() || it.eq_ignore_ascii_case(b"identity"));
        let is_json = kind.is_some_and(|it| Framing::from_content_type(it) == Framing::Json);
        Self {
            path: path.unwrap_or_default().into(),
            has_body,
            is_json: is_json && is_plain,
            length: length.and_then(|it| str::from_utf8(it).ok()?.parse().ok()),
        }
    }

    /// Whether the body can be waited for, and is then likely to be read.
    ///
    /// One of unknown length cannot: more at once than Envoy holds back, and Envoy answers
    /// 413 before the filter hears of it (tried, 1.40).
    pub fn is_bufferable(&self, max: usize) -> bool {
        self.has_body && self.is_json && self.length.is_some_and(|length| length <= max)
    }
}

// === impl RequestPatch ===

impl RequestPatch {
    /// How this fits a request of that format, if one is known, whose body may have `max`
    /// bytes.
    pub fn patch_scope(
        &self,
        head: &RequestHead,
        format: Option<Format>,
        max: usize,
    ) -> PatchScope {
        if !head.has_body || self.body == BodyPatch::default() {
            return PatchScope::Head;
        }
        match format {
            Some(format) if !self.body.needs_body(format) => PatchScope::Head,
            Some(format) if head.is_bufferable(max) => PatchScope::Body(format),
            _ => PatchScope::Unfit,
        }
    }
}
