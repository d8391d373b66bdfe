//! What the console answers.

use std::borrow::Cow;

use super::page::content_security_policy;

/// What the console answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpResponse {
    /// The HTTP status.
    pub status: u32,
    /// The body.
    pub body: Cow<'static, str>,
    kind: &'static str,
    own: Option<(&'static str, &'static str)>,
}

/// The same with every answer: nobody keeps it, frames it, takes it for something else, or
/// learns of it elsewhere.
const ALWAYS: [(&str, &str); 5] = [
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
];

// === impl Answer ===

impl HttpResponse {
    /// A line of plain text.
    pub fn text(status: u32, text: impl Into<Cow<'static, str>>) -> Self {
        let mut body = text.into();
        body.to_mut().push('\n');
        Self { status, body, kind: "text/plain; charset=utf-8", own: None }
    }

    /// The page.
    pub fn page(html: String) -> Self {
        Self { status: 200, body: html.into(), kind: "text/html; charset=utf-8", own: None }
    }

    /// The state.
    pub fn json(json: String) -> Self {
        Self { status: 200, body: json.into(), kind: "application/json", own: None }
    }

    /// There is nothing at this path.
    pub fn not_found() -> Self {
        Self::text(404, "There is nothing here: the console has no token to steer with.")
    }

    /// It takes another method.
    pub fn wrong_method(allowed: &'static str) -> Self {
        let own = Some(("allow", allowed));
        Self { own, ..Self::text(405, format!("This path takes {allowed}.")) }
    }

    /// Without the token nothing is done.
    pub fn unauthorized() -> Self {
        let own = Some(("www-authenticate", "Bearer"));
        let text = "The token is missing or wrong. Send it as \"authorization: Bearer …\"; Envoy has \
                    it in its environment.";
        Self { own, ..Self::text(401, text) }
    }

    /// All headers but the length.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let policy = ("content-security-policy", content_security_policy());
        let own = [("content-type", self.kind), policy];
        own.into_iter().chain(ALWAYS).chain(self.own)
    }
}
