//! The unit: the entity that stays on one version, usually the user.

use std::ops::Deref;

use crate::names::{CookieName, HeaderName};

/// A header or cookie that may carry the unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnitSource {
    /// The value of a header. If the header is repeated, its first value.
    Header(HeaderName),
    /// The value of the first cookie with this name, in any `Cookie` header line.
    Cookie(CookieName),
}

impl UnitSource {
    /// The header's name, or `None` if the source is a cookie.
    pub fn header(&self) -> Option<&HeaderName> {
        match self {
            Self::Header(name) => Some(name),
            Self::Cookie(_) => None,
        }
    }
}

/// Finds the unit in the first source that has a value, and calls `found` with it.
///
/// An empty value is skipped; otherwise all clients that send one would share a bucket.
/// `header` returns the first value of the named request header. It is not called again once
/// a unit is found.
///
/// A request can have several `Cookie` lines. RFC 6265, section 5.4, allows a user agent only one, but
/// other clients and proxies send more. `later_cookie` returns the first cookie with the given name in the
/// second and later lines. It is called only if there is a first line and that line does not have the
/// cookie.
pub fn find_unit<V: Deref<Target = [u8]>, T>(
    sources: &[UnitSource],
    mut header: impl FnMut(&str) -> Option<V>,
    mut later_cookie: impl FnMut(&[u8]) -> Option<Vec<u8>>,
    found: impl FnOnce(Option<&[u8]>) -> T,
) -> T {
    let is_unit = |value: &[u8]| !value.is_empty();
    for source in sources {
        match source {
            UnitSource::Header(name) => {
                let value = header(name.as_str());
                if let Some(unit) = value.as_deref().filter(|value| is_unit(value)) {
                    return found(Some(unit));
                }
            }
            UnitSource::Cookie(name) => {
                let name = name.as_str().as_bytes();
                let Some(line) = header("cookie") else { continue };
                if let Some(cookie) = find_cookie(&line, name) {
                    if is_unit(cookie) {
                        return found(Some(cookie));
                    }
                    continue;
                }
                // Free the first line before all headers are read.
                drop(line);
                if let Some(cookie) = later_cookie(name).filter(|value| is_unit(value)) {
                    return found(Some(&cookie));
                }
            }
        }
    }
    found(None)
}

/// The first cookie called `name` in the second and later `Cookie` lines of `headers`.
pub fn find_later_cookie<'a>(
    headers: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    name: &[u8],
) -> Option<&'a [u8]> {
    let lines = headers.filter(|(header, _)| *header == b"cookie");
    lines.skip(1).find_map(|(_, line)| find_cookie(line, name))
}

/// The value of the first cookie called `name` in a `Cookie` header, without surrounding
/// whitespace.
///
/// Names are case-sensitive, and quotes are part of the value (RFC 6265, sections 4.1.1 and 5.4).
///
/// ```
/// use verdigris::assignment::unit::find_cookie;
/// assert_eq!(find_cookie(b"theme=dark; uid=ada", b"uid"), Some(&b"ada"[..]));
/// assert_eq!(find_cookie(b"uuid=7", b"uid"), None);
/// ```
pub fn find_cookie<'a>(header: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    header.split(|byte| *byte == b';').find_map(|pair| {
        let value = pair.trim_ascii().strip_prefix(name)?;
        let value = value.trim_ascii_start().strip_prefix(b"=")?;
        Some(value.trim_ascii())
    })
}
