//! Access control of the console at a path of the release's listener, `console.path`.
//!
//! | method | path | allowed for |
//! |---|---|---|
//! | `GET`, `HEAD` | `<path>/`, `<path>/state.json` | holders of the token, as bearer token or as password of basic authentication |
//! | `POST` | `<path>/<command>` | holders of the bearer token, same-origin only |
//!
//! The host name must be accepted as in [`access`](super::access). Without a configured token the whole
//! path answers 404. Each request to the path is answered here and reaches no upstream.

use super::access::{ConsoleRequest, ConsoleRequestHead};
use super::http_response::HttpResponse;
use crate::config::ConsolePath;

impl ConsoleRequest {
    /// Parses and authorizes a request at the release's listener; `None` if the path is not the
    /// console's. `token` is the token that each request must have.
    ///
    /// # Errors
    /// The response to a request that is not allowed, does not exist or is redirected: 307, 400, 401,
    /// 403, 404 or 405.
    pub fn parse_at(
        at: &ConsolePath,
        head: &ConsoleRequestHead<'_>,
        token: Option<&str>,
    ) -> Option<Result<Self, HttpResponse>> {
        let rest = at.rest(head.path.unwrap_or_default())?;
        Some(Self::authorize_at(at, rest, head, token))
    }

    fn authorize_at(
        at: &ConsolePath,
        rest: &[u8],
        head: &ConsoleRequestHead<'_>,
        token: Option<&str>,
    ) -> Result<Self, HttpResponse> {
        let Some(token) = token else { return Err(HttpResponse::not_found()) };
        head.check_authority(&at.console)?;
        if rest.is_empty() {
            // A browser sends a password to all paths of the folder in which it was asked for it
            // (RFC 7617, section 2.2). Here that folder has the paths of the release.
            return Err(HttpResponse::redirect(format!("{}/", at.path)));
        }
        let request = Self::named(rest);
        let is_command = matches!(request, Some(Self::Command { .. }));
        if is_command && !head.has_bearer_token(token) {
            return Err(HttpResponse::unauthorized());
        }
        if !head.has_bearer_token(token) && !head.has_basic_password(token) {
            return Err(HttpResponse::unauthorized_page());
        }
        let Some(request) = request else {
            let text = format!("There is nothing here. The page is at {}/.", at.path);
            return Err(HttpResponse::text(404, text));
        };
        request.authorize(head, &at.console, Some(token))
    }
}
