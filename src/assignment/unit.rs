//! The unit: what is kept on one version, usually the user.

use std::ops::Deref;

use crate::names::{CookieName, HeaderName};

/// A place in a request that may carry the unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnitSource {
    /// The value of a header; the first one where it is repeated.
    Header(HeaderName),
    /// The value of a cookie; the first of that name, in whichever `Cookie` line.
    Cookie(CookieName),
}

impl UnitSource {
    /// The header's name, where it is one.
    pub fn header(&self) -> Option<&HeaderName> {
        match self {
            Self::Header(name) => Some(name),
            Self::Cookie(_) => None,
        }
    }
}

/// Finds the unit of a request, in the first source that has one, and gives it to
/// `found`. An empty value is no unit, or every client that sends one would share a
/// bucket.
///
/// `header` answers with the first value of the named request header. It is
/// asked only until a unit is found.
pub fn find_unit<V: Deref<Target = [u8]>, T>(
    sources: &[UnitSource],
    header: impl FnMut(&str) -> Option<V>,
    found: impl FnOnce(Option<&[u8]>) -> T,
) -> T {
    find_unit_in_lines(sources, header, |_| None, found)
}

/// As [`find_unit`], for a request that may have several `Cookie` lines. RFC 6265, section 5.4,
/// allows a user agent one, but other clients and proxies send more.
///
/// `later_cookie` answers with the first cookie of that name in the lines after the first.
/// It is asked only where there is a first line, and the cookie is not in it.
pub fn find_unit_in_lines<V: Deref<Target = [u8]>, T>(
    sources: &[UnitSource],
    mut header: impl FnMut(&str) -> Option<V>,
    mut later_cookie: impl FnMut(&[u8]) -> Option<Vec<u8>>,
    found: impl FnOnce(Option<&[u8]>) -> T,
) -> T {
    let is_unit = |it: &[u8]| !it.is_empty();
    for source in sources {
        match source {
            UnitSource::Header(name) => {
                let value = header(name.as_str());
                if let Some(unit) = value.as_deref().filter(|it| is_unit(it)) {
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
                // The first line is not held while all headers are read.
                drop(line);
                if let Some(cookie) = later_cookie(name).filter(|it| is_unit(it)) {
                    return found(Some(&cookie));
                }
            }
        }
    }
    found(None)
}

/// The first cookie called `name` in the `Cookie` lines after the first, among a request's
/// headers.
pub fn find_later_cookie<'a>(
    headers: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    name: &[u8],
) -> Option<&'a [u8]> {
    let lines = headers.filter(|(header, _)| *header == b"cookie");
    lines.skip(1).find_map(|(_, line)| find_cookie(line, name))
}

/// The value of the first cookie called `name` in a `Cookie` header, without the
/// white space around it. Names are compared with their case, and quotes belong
/// to the value (RFC 6265, section 4.1.1 and 5.4).
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
