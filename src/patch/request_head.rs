//! What the headers of a request say, as far as a patch needs it.

use crate::response::Framing;

/// What the headers of a request say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestHead {
    /// The path, with its query.
    pub path: Box<[u8]>,
    /// Whether there is a body.
    pub has_body: bool,
    /// Whether the body is JSON without a content encoding, by the headers.
    pub is_json: bool,
    /// The length of the body in bytes, where the headers state it.
    pub length: Option<usize>,
}

// === impl RequestHead ===

impl RequestHead {
    /// Reads the headers, whose names are in lower case. Of a repeated header the first one
    /// counts.
    pub fn from_headers<'a>(
        headers: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        has_body: bool,
    ) -> Self {
        let (mut path, mut content_type, mut encoding, mut length) = (None, None, None, None);
        for (name, value) in headers {
            let target = match name {
                b":path" => &mut path,
                b"content-type" => &mut content_type,
                b"content-encoding" => &mut encoding,
                b"content-length" => &mut length,
                _ => continue,
            };
            target.get_or_insert(value);
        }
        let is_plain = encoding
            .is_none_or(|value| value.is_empty() || value.eq_ignore_ascii_case(b"identity"));
        let is_json =
            content_type.is_some_and(|it| Framing::from_content_type(it) == Framing::Json);
        Self {
            path: path.unwrap_or_default().into(),
            has_body,
            is_json: is_json && is_plain,
            length: length.and_then(|value| str::from_utf8(value).ok()?.parse().ok()),
        }
    }

    /// Whether the filter can buffer the body, of `max_bytes` at most, and read it.
    ///
    /// The length must be known. Envoy answers 413 to a body that exceeds its buffer before the
    /// filter learns of it (tried with Envoy 1.40).
    pub fn is_bufferable(&self, max_bytes: usize) -> bool {
        self.has_body && self.is_json && self.length.is_some_and(|length| length <= max_bytes)
    }
}
