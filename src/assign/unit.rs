//! The unit: what is kept on one version, usually the user.

use std::ops::Deref;

use crate::config::{CookieName, HeaderName};

/// A place in a request that may carry the unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnitSource {
    /// The value of a header; the first one where it is repeated.
    Header(HeaderName),
    /// The value of a cookie; the first of that name.
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
pub fn with_unit<V: Deref<Target = [u8]>, T>(
    sources: &[UnitSource],
    mut header: impl FnMut(&str) -> Option<V>,
    found: impl FnOnce(Option<&[u8]>) -> T,
) -> T {
    for source in sources {
        let (name, cookie) = match source {
            UnitSource::Header(name) => (name.as_str(), None),
            UnitSource::Cookie(name) => ("cookie", Some(name.as_str())),
        };
        let value = header(name);
        let value = value.as_deref();
        let unit = match cookie {
            Some(name) => value.and_then(|cookies| find_cookie(cookies, name.as_bytes())),
            None => value,
        };
        if unit.is_some_and(|unit| !unit.is_empty()) {
            return found(unit);
        }
    }
    found(None)
}

/// The value of the first cookie called `name` in a `Cookie` header, without the
/// white space around it. Names are compared with their case, and quotes belong
/// to the value (RFC 6265, section 4.1.1 and 5.4).
///
/// ```
/// use verdigris::assign::unit::find_cookie;
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
