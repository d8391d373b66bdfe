//! Access control of the console: which request may read the page and which may run a command.
//!
//! | method | path | allowed for |
//! |---|---|---|
//! | `GET`, `HEAD` | `/`, `/state.json` | anyone who reaches the listener by an IP address, `localhost` or a name in `console.hosts` |
//! | `POST` | `/pause`, `/resume`, `/rollback`, `/promote`, `/approve`, `/weights` | holders of the token, same-origin only; without a configured token these paths do not exist |
//!
//! Any other path continues to the listener's routes, so that a console configured on a
//! release's listener by mistake does not block the release.

use super::http_response::HttpResponse;
use crate::config::ConsoleConfig;
use crate::response::base64::Base64Decoder;
use crate::response::format::without_query;
use crate::rollout::CommandKind;

/// The header with the reason and parameters of a command, as JSON in ASCII. A filter that cannot wait
/// for a body reads them here.
pub const COMMAND_HEADER: &[u8] = b"x-verdigris-command";

/// The environment variable with the token for operator commands.
pub const TOKEN_VARIABLE: &str = "VERDIGRIS_CONSOLE_TOKEN";

/// Where a request names a rollout. It ends the answer to one that has to, and does not.
pub const ROLLOUT_QUERY: &str = "in the query: ?rollout=NAME";

/// The headers of a request that access control depends on.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConsoleRequestHead<'a> {
    /// `:method`, such as `GET`.
    pub method: Option<&'a [u8]>,
    /// `:path`, with the query.
    pub path: Option<&'a [u8]>,
    /// `:authority`: host and optional port.
    pub authority: Option<&'a [u8]>,
    /// `x-verdigris-command`: the reason and parameters of a command, instead of the body.
    pub command: Option<&'a [u8]>,
    /// `content-length` in bytes, if the request has one.
    pub length: Option<usize>,
    origin: Option<&'a [u8]>,
    fetch_site: Option<&'a [u8]>,
    authorization: Option<&'a [u8]>,
}

/// A request that the console answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsoleRequest {
    /// The HTML page.
    Page,
    /// `/state.json`.
    State,
    /// An operator command. The body, or [`COMMAND_HEADER`], has its reason and parameters.
    Command {
        /// The command's name, which is also its path.
        command: &'static str,
        /// The rollout that the query names, if any.
        rollout: Option<String>,
    },
}

// === impl ConsoleRequestHead ===

impl<'a> ConsoleRequestHead<'a> {
    /// Whether the request has credentials, right or wrong.
    pub fn has_credentials(&self) -> bool {
        self.authorization.is_some()
    }

    /// Collects the headers. A repeated header counts as empty, because a proxy in front may
    /// have checked another one of its values.
    pub fn from_headers(headers: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Self {
        let mut head = Self::default();
        for (name, value) in headers {
            if name == b"content-length" {
                head.length = str::from_utf8(value).ok().and_then(|it| it.parse().ok());
            }
            let field = match name {
                b":method" => &mut head.method,
                b":path" => &mut head.path,
                b":authority" => &mut head.authority,
                b"origin" => &mut head.origin,
                b"sec-fetch-site" => &mut head.fetch_site,
                b"authorization" => &mut head.authorization,
                COMMAND_HEADER => &mut head.command,
                _ => continue,
            };
            *field = Some(if field.is_some() { b"" } else { value });
        }
        head
    }

    /// Whether a page of another origin sent the request.
    ///
    /// The console's own page has an `origin` that equals `:authority`, or that is listed in
    /// `console.hosts` if a proxy in front rewrites `:authority`. Clients other than browsers
    /// send neither `origin` nor `sec-fetch-site`.
    fn is_cross_origin(&self, console: &ConsoleConfig) -> bool {
        let is_own = |origin: &'a [u8]| {
            let schemes: [(&[u8], &[u8]); 2] = [(b"http://", b":80"), (b"https://", b":443")];
            schemes.iter().any(|(scheme, default_port)| {
                let without_port = |it: &'a [u8]| it.strip_suffix(*default_port).unwrap_or(it);
                origin.strip_prefix(*scheme).is_some_and(|host| {
                    Some(without_port(host)) == self.authority.map(without_port)
                        || console.lists_authority(host)
                })
            })
        };
        self.origin.is_some_and(|origin| !is_own(origin))
            || self.fetch_site.is_some_and(|it| !matches!(it, b"same-origin" | b"none"))
    }

    /// Checks the host name, see [`ConsoleConfig::accepts_authority`].
    pub(super) fn check_authority(&self, console: &ConsoleConfig) -> Result<(), HttpResponse> {
        if self.authority.is_some_and(|it| console.accepts_authority(it)) {
            return Ok(());
        }
        Err(HttpResponse::text(
            403,
            "The console does not accept this host name. Use its IP address or localhost, or \
             add the name to console.hosts in its configuration.",
        ))
    }

    /// Whether the token is the password of basic authentication, which browsers ask for.
    ///
    /// Source: RFC 7617.
    pub(super) fn has_basic_password(&self, token: &str) -> bool {
        let Some((scheme, encoded)) = self.authorization.and_then(|it| it.split_at_checked(6))
        else {
            return false;
        };
        let mut credentials = Vec::new();
        Base64Decoder::default().feed(encoded, &mut |bytes| credentials.extend_from_slice(bytes));
        let password = credentials.splitn(2, |byte| *byte == b':').nth(1).unwrap_or_default();
        scheme.eq_ignore_ascii_case(b"basic ")
            && is_equal_in_constant_time(password, token.as_bytes())
    }

    pub(super) fn has_bearer_token(&self, token: &str) -> bool {
        let Some((scheme, given)) = self.authorization.and_then(|it| it.split_at_checked(7)) else {
            return false;
        };
        scheme.eq_ignore_ascii_case(b"bearer ")
            && is_equal_in_constant_time(given, token.as_bytes())
    }
}

/// Compares in a time that does not depend on the position of the first difference.
fn is_equal_in_constant_time(given: &[u8], token: &[u8]) -> bool {
    let differing = |sum: u8, (a, b): (&u8, &u8)| std::hint::black_box(sum | (a ^ b));
    given.len() == token.len() && given.iter().zip(token).fold(0, differing) == 0
}

// === impl ConsoleRequest ===

impl ConsoleRequest {
    /// Parses and authorizes a request; `None` if the path is not the console's. `token` is the
    /// bearer token that operator commands require; `None` disables them.
    ///
    /// # Errors
    /// The response to a request that is not allowed: 400, 401, 403, 404 or 405.
    pub fn parse(
        head: &ConsoleRequestHead<'_>,
        console: &ConsoleConfig,
        token: Option<&str>,
    ) -> Option<Result<Self, HttpResponse>> {
        let path = head.path.unwrap_or_default();
        Some(Self::named(without_query(path))?.authorize(head, console, token))
    }

    /// The request to this path, without its query.
    pub(super) fn named(path: &[u8]) -> Option<Self> {
        Some(match path {
            b"/" => Self::Page,
            b"/state.json" => Self::State,
            [b'/', name @ ..] => {
                let mut commands = CommandKind::ALL.into_iter().map(CommandKind::as_str);
                let command = commands.find(|it| it.as_bytes() == name)?;
                Self::Command { command, rollout: None }
            }
            _ => return None,
        })
    }

    pub(super) fn authorize(
        self,
        head: &ConsoleRequestHead<'_>,
        console: &ConsoleConfig,
        token: Option<&str>,
    ) -> Result<Self, HttpResponse> {
        head.check_authority(console)?;
        let method = head.method.unwrap_or_default();
        let Self::Command { command, .. } = self else {
            let is_read = matches!(method, b"GET" | b"HEAD");
            return if is_read { Ok(self) } else { Err(HttpResponse::wrong_method("GET, HEAD")) };
        };
        let Some(token) = token else { return Err(HttpResponse::not_found()) };
        if method != b"POST" {
            return Err(HttpResponse::wrong_method("POST"));
        }
        if head.is_cross_origin(console) {
            return Err(HttpResponse::text(
                403,
                "The request comes from a page of another origin and was rejected.",
            ));
        }
        if !head.has_bearer_token(token) {
            return Err(HttpResponse::unauthorized());
        }
        Ok(Self::Command { command, rollout: rollout_in_query(head.path.unwrap_or_default())? })
    }
}

/// The rollout that a query names. Rollout names need no percent-decoding.
fn rollout_in_query(path: &[u8]) -> Result<Option<String>, HttpResponse> {
    let query = path.splitn(2, |byte| *byte == b'?').nth(1).unwrap_or_default();
    let mut parameters = query.split(|byte| *byte == b'&').filter(|it| !it.is_empty());
    let Some(first) = parameters.next() else { return Ok(None) };
    let name = first.strip_prefix(b"rollout=").and_then(|it| str::from_utf8(it).ok());
    match (name, parameters.next()) {
        (Some(name), None) => Ok(Some(name.to_owned())),
        _ => Err(HttpResponse::text(
            400,
            "The query must name one rollout and nothing else: ?rollout=…",
        )),
    }
}
