//! The cookie that carries a conversation's start marker.
//!
//! Sources: RFC 6265, section 4.1; for `SameSite` and name prefixes, RFC 6265bis
//! (draft-ietf-httpbis-rfc6265bis-20), sections 4.1.2.7 and 4.1.3. Browsers drop a cookie that
//! violates these rules, and the client would never return it.

use serde_json::json;

use super::FieldError;
use super::checks::as_written;
use super::diagnostics::Diagnostics;
use super::raw::sections::RawCookie;
use super::same_site::SameSite;
use crate::names::CookieName;

/// A cookie that clients receive, with its attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkerCookie {
    name: CookieName,
    path: Box<str>,
    domain: Option<Box<str>>,
    is_secure: bool,
    same_site: SameSite,
}

const FIELD: &str = "conversation.marker";

const MAX_DOMAIN_BYTES: usize = 253;
const MAX_PATH_BYTES: usize = 1024;

// === impl MarkerCookie ===

impl MarkerCookie {
    /// Checks the attributes. Adds an error if browsers would drop the cookie.
    pub(super) fn new(
        name: CookieName,
        raw: &RawCookie,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let path = raw.path.as_deref().unwrap_or("/");
        let path = diagnostics.checked(&format!("{FIELD}.path"), path, check_path);
        let domain = match &raw.domain {
            Some(domain) => {
                Some(diagnostics.checked(&format!("{FIELD}.domain"), domain, check_domain)?)
            }
            None => None,
        };
        let is_secure = raw.secure.unwrap_or_default();
        let same_site = raw.same_site.unwrap_or_default();
        let cookie = Self { name, path: path?, domain, is_secure, same_site };
        match cookie.broken_rule() {
            Some(rule) => {
                let value = as_written(json!({
                    "cookie": cookie.name.as_str(),
                    "secure": raw.secure,
                    "same_site": raw.same_site.and(Some(same_site.attribute().to_ascii_lowercase())),
                    "domain": raw.domain,
                    "path": raw.path,
                }));
                diagnostics.push(FieldError::new(FIELD, &value, rule));
                None
            }
            None => Some(cookie),
        }
    }

    /// The rule of browsers that the cookie violates, with its fix.
    fn broken_rule(&self) -> Option<&'static str> {
        // Browsers ignore the case of prefixes.
        let has_prefix = |prefix: &str| {
            let start = self.name.as_str().get(..prefix.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        let has_host_prefix = has_prefix("__Host-");
        match () {
            () if !self.is_secure && self.same_site == SameSite::None => {
                Some("browsers drop \"same_site\": \"none\" without \"secure\": true; write both")
            }
            () if !self.is_secure
                && (has_host_prefix || has_prefix("__Secure-") || has_prefix("__Http-")) =>
            {
                Some("browsers drop a cookie with this name unless \"secure\" is true; set it")
            }
            () if has_host_prefix && (self.domain.is_some() || &*self.path != "/") => Some(
                "browsers drop a __Host- cookie that has a domain or a path other than \"/\"; \
                 remove these fields, or use another name",
            ),
            () => None,
        }
    }

    /// The value of a `Set-Cookie` header that sets the cookie to `value`.
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

fn check_path(path: &str) -> Result<Box<str>, &'static str> {
    let is_allowed = |byte: u8| byte.is_ascii_graphic() && byte != b';';
    let is_path = path.starts_with('/') && path.len() <= MAX_PATH_BYTES;
    if is_path && path.bytes().all(is_allowed) {
        return Ok(path.into());
    }
    Err("write a path that begins with \"/\", such as \"/chat\": at most 1024 visible ASCII \
         characters, without \";\"")
}

fn check_domain(domain: &str) -> Result<Box<str>, &'static str> {
    let is_label = |label: &str| {
        let has_valid_ends = !label.starts_with('-') && !label.ends_with('-');
        !label.is_empty()
            && has_valid_ends
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    // Browsers ignore a leading dot.
    let labels = domain.strip_prefix('.').unwrap_or(domain);
    if domain.len() <= MAX_DOMAIN_BYTES && labels.split('.').all(is_label) {
        return Ok(domain.into());
    }
    Err("write a domain name, such as \"example.com\": letters, digits, \"-\" and \".\"")
}
