//! The unit: what is kept on one version, usually the user.

use crate::config::{CookieName, HeaderName};

/// A place in a request that may carry the unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnitSource {
    /// The value of a header; the first one where it is repeated.
    Header(HeaderName),
    /// The value of a cookie; the first of that name.
    Cookie(CookieName),
}

/// The unit of a request: the first source that has one. An empty value is no
/// unit, or every client that sends one would share a bucket.
///
/// `header` answers with the first value of the named request header. It is
/// asked only until a unit is found.
pub fn find_unit(
    sources: &[UnitSource],
    mut header: impl FnMut(&str) -> Option<Vec<u8>>,
) -> Option<Vec<u8>> {
    sources
        .iter()
        .filter_map(|source| match source {
            UnitSource::Header(name) => header(name.as_str()),
            UnitSource::Cookie(name) => {
                let cookies = header("cookie")?;
                find_cookie(&cookies, name.as_str().as_bytes()).map(<[u8]>::to_vec)
            }
        })
        .find(|unit| !unit.is_empty())
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
