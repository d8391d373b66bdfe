//! The cookie that tells a client when its conversation began, and its attributes.
//!
//! Source: RFC 6265, section 4.1; for `SameSite` and the prefixes of names, RFC 6265bis
//! (draft-ietf-httpbis-rfc6265bis-20), sections 4.1.2.7 and 4.1.3. Browsers drop a cookie that
//! breaks these rules, so that the client would never send it back.

use serde_json::json;

use super::FieldError;
use super::diagnostics::Diagnostics;
use super::raw::release::RawCookie;
use super::same_site::SameSite;
use crate::names::CookieName;

/// A cookie that is given to clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkerCookie {
    name: CookieName,
    path: Box<str>,
    domain: Option<Box<str>>,
    is_secure: bool,
    same_site: SameSite,
}

const FIELD: &str = "conversation.marker";
/// How long a domain and a path may be.
const MAX_DOMAIN_BYTES: usize = 253;
const MAX_PATH_BYTES: usize = 1024;

// === impl MarkerCookie ===

impl MarkerCookie {
    /// The cookie with these attributes, if a browser would keep it.
    pub(super) fn new(
        name: CookieName,
        written: &RawCookie,
        problems: &mut Diagnostics,
    ) -> Option<Self> {
        let path = written.path.as_deref().unwrap_or("/");
        let path = problems.checked(&format!("{FIELD}.path"), path, cookie_path);
        let domain = match &written.domain {
            Some(domain) => {
                Some(problems.checked(&format!("{FIELD}.domain"), domain, cookie_domain)?)
            }
            None => None,
        };
        let is_secure = written.secure.unwrap_or_default();
        let same_site = written.same_site.unwrap_or_default();
        let cookie = Self { name, path: path?, domain, is_secure, same_site };
        match cookie.broken_rule() {
            Some(rule) => {
                let shown = json!({
                    "cookie": cookie.name.as_str(),
                    "secure": written.secure,
                    "domain": written.domain,
                    "path": written.path,
                });
                problems.push(FieldError::new(FIELD, &shown, rule));
                None
            }
            None => Some(cookie),
        }
    }

    fn broken_rule(&self) -> Option<&'static str> {
        // Browsers compare these without their case.
        let begins = |prefix: &str| {
            let start = self.name.as_str().get(..prefix.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        let is_of_host = begins("__Host-");
        match () {
            () if !self.is_secure && self.same_site == SameSite::None => {
                Some("browsers drop \"same_site\": \"none\" without \"secure\": true; write both")
            }
            () if !self.is_secure && (is_of_host || begins("__Secure-") || begins("__Http-")) => {
                Some("browsers drop a cookie of this name without \"secure\": true; write it")
            }
            () if is_of_host && (self.domain.is_some() || &*self.path != "/") => Some(
                "browsers drop a cookie whose name begins with __Host- if it has a domain or \
                 another path than \"/\"; leave these out, or use another name",
            ),
            () => None,
        }
    }

    /// The value of the `WeightsSet-Cookie` header that gives `value` for so many seconds.
    pub fn set(&self, value: &str, max_age_s: u64) -> String {
        let Self { name, path, domain, is_secure, same_site } = self;
        let domain = domain.iter().map(|domain| format!("; Domain={domain}"));
        let domain: String = domain.collect();
        let secure = if *is_secure { "; Secure" } else { "" };
        let same_site = same_site.attribute();
        format!(
            "{name}={value}; Path={path}{domain}; Max-Age={max_age_s}{secure}; HttpOnly; \
             SameSite={same_site}"
        )
    }
}

fn cookie_path(path: &str) -> Result<Box<str>, &'static str> {
    let is_visible = |it: u8| it.is_ascii_graphic() && it != b';';
    let is_path = path.starts_with('/') && path.len() <= MAX_PATH_BYTES;
    if is_path && path.bytes().all(is_visible) {
        return Ok(path.into());
    }
    Err(
        "write a path from \"/\", such as \"/chat\": at most 1024 visible ASCII characters, no \";\"",
    )
}

fn cookie_domain(domain: &str) -> Result<Box<str>, &'static str> {
    let is_label = |label: &str| {
        let has_ends = !label.starts_with('-') && !label.ends_with('-');
        !label.is_empty()
            && has_ends
            && label.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-')
    };
    // Browsers ignore a point before it.
    let labels = domain.strip_prefix('.').unwrap_or(domain);
    if domain.len() <= MAX_DOMAIN_BYTES && labels.split('.').all(is_label) {
        return Ok(domain.into());
    }
    Err(
        "write a domain that clients ask, such as \"example.com\": letters, digits, \"-\" and \".\"",
    )
}
