//! The console's HTTP responses.

use std::borrow::Cow;

use super::page::content_security_policy;

/// A local reply of the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpResponse {
    /// The HTTP status.
    pub status: u32,
    /// The body.
    pub body: Cow<'static, str>,
    content_type: &'static str,
    extra_header: Option<(&'static str, Cow<'static, str>)>,
}

/// Headers of every response: no caching, no content sniffing, no framing, no referrer and no
/// cross-origin embedding.
const SECURITY_HEADERS: [(&str, &str); 5] = [
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
];

// === impl HttpResponse ===

impl HttpResponse {
    /// A line of plain text.
    pub fn text(status: u32, text: impl Into<Cow<'static, str>>) -> Self {
        let mut body = text.into();
        body.to_mut().push('\n');
        Self { status, body, content_type: "text/plain; charset=utf-8", extra_header: None }
    }

    /// 200 with the HTML page.
    pub fn page(html: String) -> Self {
        let content_type = "text/html; charset=utf-8";
        Self { status: 200, body: html.into(), content_type, extra_header: None }
    }

    /// 200 with JSON.
    pub fn json(json: String) -> Self {
        let content_type = "application/json";
        Self { status: 200, body: json.into(), content_type, extra_header: None }
    }

    /// 404 for the command paths, where no token is configured.
    pub fn not_found() -> Self {
        Self::text(
            404,
            "Not found: operator commands are disabled, since the console has no token.",
        )
    }

    /// 405; `allowed` lists the methods of the path.
    pub fn wrong_method(allowed: &'static str) -> Self {
        let text = format!("Method not allowed: this path accepts {allowed}.");
        Self { extra_header: Some(("allow", allowed.into())), ..Self::text(405, text) }
    }

    /// 401 for a missing or wrong token.
    pub fn unauthorized() -> Self {
        let text = "Wrong token: use VERDIGRIS_CONSOLE_TOKEN from Envoy's environment, in the header \
                    \"authorization: Bearer …\".";
        Self { extra_header: Some(("www-authenticate", "Bearer".into())), ..Self::text(401, text) }
    }

    /// 401 for a page that requires the token. A browser asks its user for it.
    pub fn unauthorized_page() -> Self {
        let text = "Wrong or missing token: enter the value of VERDIGRIS_CONSOLE_TOKEN as password, with \
                    any user name, or send it in the header \"authorization: Bearer …\".";
        let ask = "Basic realm=\"Verdigris\", charset=\"UTF-8\"";
        Self { extra_header: Some(("www-authenticate", ask.into())), ..Self::text(401, text) }
    }

    /// 307 to another path.
    pub fn redirect(path: String) -> Self {
        let text = format!("The page is at {path}.");
        Self { extra_header: Some(("location", path.into())), ..Self::text(307, text) }
    }

    /// 202 for a command whose result is not known yet.
    pub fn accepted(rollout: &str) -> Self {
        let text = format!(
            "{rollout}: the command was sent to the fleet's store; the page shows the decision"
        );
        Self::text(202, text)
    }

    /// 429 for wrong tokens beyond the limit. The right one is accepted, so that clients
    /// that guess tokens cannot keep an operator from a rollback.
    pub fn too_many_refused() -> Self {
        let text = "Too many requests were refused in the last minute. One with the right token is \
                    accepted.";
        Self { extra_header: Some(("retry-after", "60".into())), ..Self::text(429, text) }
    }

    /// All headers except `content-length`.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let policy = ("content-security-policy", content_security_policy());
        let own = [("content-type", self.content_type), policy];
        own.into_iter()
            .chain(SECURITY_HEADERS)
            .chain(self.extra_header.iter().map(|(name, value)| (*name, &**value)))
    }
}
