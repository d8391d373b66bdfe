//! Who may ask the console for what.
//!
//! | method | path | who |
//! |---|---|---|
//! | `GET`, `HEAD` | `/`, `/state.json` | whoever reaches the listener, by an address or a name that is the console's |
//! | `POST` | `/pause`, `/resume`, `/rollback`, `/promote`, `/approve`, `/weights` | who has the token, and is no page from elsewhere; nobody where there is no token |
//!
//! Any other path is not the console's, and goes on to the listener's routes: a console that
//! stands where a release should stands in nobody's way.

use super::http_response::HttpResponse;
use crate::config::ConsoleConfig;
use crate::response::format::without_query;
use crate::rollout::CommandKind;

/// What a request's headers say, as far as the console asks.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConsoleRequestHead<'a> {
    /// `GET`, such as.
    pub method: Option<&'a [u8]>,
    /// With the query.
    pub path: Option<&'a [u8]>,
    /// The name by which it is asked for, and the port.
    pub authority: Option<&'a [u8]>,
    /// The length of the body, where it is said.
    pub length: Option<usize>,
    origin: Option<&'a [u8]>,
    fetch_site: Option<&'a [u8]>,
    authorization: Option<&'a [u8]>,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsoleRequest {
    /// The page.
    Page,
    /// The same as data.
    State,
    /// That something be done. What, and why, is in the body.
    Command {
        /// The order's name.
        order: &'static str,
        /// The rollout's, where one is named.
        rollout: Option<String>,
    },
}

// === impl Head ===

impl<'a> ConsoleRequestHead<'a> {
    /// What these headers say. One that is there twice says nothing that could be trusted.
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
                _ => continue,
            };
            *field = Some(if field.is_some() { b"" } else { value });
        }
        head
    }

    /// Whether a page from elsewhere sends it. One from here has an origin of the same name
    /// and port, or a name that is the console's where something in front has changed the
    /// name; and what is no browser has none.
    fn is_from_elsewhere(&self, console: &ConsoleConfig) -> bool {
        let is_own = |origin: &'a [u8]| {
            let schemes: [(&[u8], &[u8]); 2] = [(b"http://", b":80"), (b"https://", b":443")];
            schemes.iter().any(|(scheme, port)| {
                let bare = |it: &'a [u8]| it.strip_suffix(*port).unwrap_or(it);
                origin.strip_prefix(*scheme).is_some_and(|host| {
                    Some(bare(host)) == self.authority.map(bare) || console.lists_authority(host)
                })
            })
        };
        self.origin.is_some_and(|origin| !is_own(origin))
            || self.fetch_site.is_some_and(|it| !matches!(it, b"same-origin" | b"none"))
    }

    fn shows(&self, token: &str) -> bool {
        let Some((scheme, given)) = self.authorization.and_then(|it| it.split_at_checked(7)) else {
            return false;
        };
        scheme.eq_ignore_ascii_case(b"bearer ") && is_equal(given, token.as_bytes())
    }
}

/// In a time that does not tell where the two differ.
fn is_equal(given: &[u8], token: &[u8]) -> bool {
    let differing = |sum: u8, (a, b): (&u8, &u8)| std::hint::black_box(sum | (a ^ b));
    given.len() == token.len() && given.iter().zip(token).fold(0, differing) == 0
}

// === impl Ask ===

impl ConsoleRequest {
    /// What is asked for, or what is answered instead; `None` of what is not the console's.
    /// `token` is what who steers must show.
    ///
    /// # Errors
    /// The answer to who may not ask for this.
    pub fn of(
        head: &ConsoleRequestHead<'_>,
        console: &ConsoleConfig,
        token: Option<&str>,
    ) -> Option<Result<Self, HttpResponse>> {
        let path = head.path.unwrap_or_default();
        let asked = match without_query(path) {
            b"/" => Self::Page,
            b"/state.json" => Self::State,
            [b'/', name @ ..] => {
                let mut orders = CommandKind::ALL.into_iter().map(CommandKind::as_str);
                let order = orders.find(|it| it.as_bytes() == name)?;
                Self::Command { order, rollout: None }
            }
            _ => return None,
        };
        Some(asked.allowed(head, console, token))
    }

    fn allowed(
        self,
        head: &ConsoleRequestHead<'_>,
        console: &ConsoleConfig,
        token: Option<&str>,
    ) -> Result<Self, HttpResponse> {
        if !head.authority.is_some_and(|it| console.accepts_authority(it)) {
            return Err(HttpResponse::text(
                403,
                "The console is not asked for by this name. Ask by its address, or write the name \
                 into console.hosts of its configuration.",
            ));
        }
        let method = head.method.unwrap_or_default();
        let Self::Command { order, .. } = self else {
            let is_read = matches!(method, b"GET" | b"HEAD");
            return if is_read { Ok(self) } else { Err(HttpResponse::wrong_method("GET, HEAD")) };
        };
        let Some(token) = token else { return Err(HttpResponse::not_found()) };
        if method != b"POST" {
            return Err(HttpResponse::wrong_method("POST"));
        }
        if head.is_from_elsewhere(console) {
            return Err(HttpResponse::text(
                403,
                "This comes from a page that is not the console's, and nothing is done.",
            ));
        }
        if !head.shows(token) {
            return Err(HttpResponse::unauthorized());
        }
        Ok(Self::Command { order, rollout: rollout_in(head.path.unwrap_or_default())? })
    }
}

/// The rollout that a query names. Its name is the same in a query and elsewhere.
fn rollout_in(path: &[u8]) -> Result<Option<String>, HttpResponse> {
    let query = path.splitn(2, |byte| *byte == b'?').nth(1).unwrap_or_default();
    let mut named = query.split(|byte| *byte == b'&').filter(|it| !it.is_empty());
    let Some(first) = named.next() else { return Ok(None) };
    let name = first.strip_prefix(b"rollout=").and_then(|it| str::from_utf8(it).ok());
    match (name, named.next()) {
        (Some(name), None) => Ok(Some(name.to_owned())),
        _ => Err(HttpResponse::text(
            400,
            "Write one rollout into the query and nothing else: ?rollout=…",
        )),
    }
}
