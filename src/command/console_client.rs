//! Reads the state of a console over HTTP, and sends operator commands to it.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use ureq::Timeout;
use ureq::http::{HeaderMap, Uri};

use super::console_token::console_token;
use crate::console::view::SCHEMA;
use crate::console::{COMMAND_HEADER, TOKEN_VARIABLE, View};
use crate::rollout::is_unseen;

/// The URL of a console's `/state.json`.
#[derive(Clone, Debug)]
pub struct ConsoleAddress(String);

/// A client of one console. It sends a token with commands, and to a console that requires one for
/// reading.
pub struct ConsoleClient {
    address: ConsoleAddress,
    agent: ureq::Agent,
}

/// The response to an operator command.
pub struct Posted {
    pub status: u16,
    /// The body in one line, with every character replaced that a terminal would interpret.
    pub text: String,
}

/// A console's state.
pub struct ConsoleState {
    /// The JSON as received.
    pub json: Box<RawValue>,
    /// The same, with every character replaced that a terminal would interpret.
    pub view: View,
}

/// The timeout of a request that reads, and of connecting for an operator command.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The largest accepted response, in bytes. The state of a rollout has about 20 KB.
const MAX_BODY: u64 = 16 << 20;

/// How much of an unexpected response an error quotes, in characters.
const MAX_QUOTE: usize = 160;

/// How much of the answer to an operator command is shown, in characters.
const MAX_DECISION: usize = 2_000;

// === impl ConsoleAddress ===

impl ConsoleAddress {
    /// Parses an address with or without scheme and path, such as `localhost:9902`.
    ///
    /// # Errors
    /// It is no HTTP address, or has user information, a query or a fragment.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fix = "write the address that the console listens on, such as http://127.0.0.1:9902";
        let rest = match text.split_once("://") {
            None => text,
            Some(("http", rest)) => rest,
            Some(("https", _)) => {
                return Err(
                    "https is not supported: forward the console's port, such as with ssh \
                            -L 9902:127.0.0.1:9902 or kubectl port-forward, and use that address"
                        .to_owned(),
                );
            }
            Some(_) => return Err(fix.to_owned()),
        };
        if rest.contains(['@', '?', '#']) {
            return Err(format!(
                "{fix}, without user, query or fragment: a token comes from the environment variable \
                 {TOKEN_VARIABLE} only"
            ));
        }
        let rest = rest.trim_end_matches('/');
        let rest = rest.strip_suffix("/state.json").unwrap_or(rest).trim_end_matches('/');
        let address = format!("http://{rest}/state.json");
        let uri = address.parse::<Uri>().ok();
        // An invalid port would silently become the default port.
        let has_valid_port = |authority: &ureq::http::uri::Authority| {
            let after = authority.as_str().strip_prefix(authority.host());
            after.is_some_and(|after| after.is_empty() || authority.port_u16().is_some())
        };
        let uri = uri.filter(|uri| uri.authority().is_some_and(has_valid_port));
        let host = uri.as_ref().and_then(Uri::host).filter(|it| !it.is_empty());
        host.map(|_| Self(address.clone())).ok_or_else(|| fix.to_owned())
    }

    /// The URL of the page.
    pub fn page(&self) -> &str {
        self.0.strip_suffix("state.json").unwrap_or(&self.0)
    }
}

// === impl ConsoleClient ===

impl ConsoleClient {
    /// A client of the console at this address.
    pub fn new(address: ConsoleAddress) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            // The console usually listens on loopback, which a proxy could not reach.
            .proxy(None)
            .user_agent(concat!("verdigris/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { address, agent: config.into() }
    }

    /// The console's address.
    pub fn address(&self) -> &ConsoleAddress {
        &self.address
    }

    /// Reads the console's state.
    ///
    /// # Errors
    /// The console cannot be reached, or the response is not a state that this version reads.
    pub fn state(&self) -> Result<ConsoleState, String> {
        let ConsoleAddress(address) = &self.address;
        self.request().map_err(|why| format!("{address} {why}"))
    }

    /// Sends an operator command: the body to a path, such as `rollback?rollout=assistant-v8`.
    ///
    /// # Errors
    /// The console cannot be reached, or does not answer within `timeout`.
    pub fn post(
        &self,
        path: &str,
        token: &str,
        body: &str,
        timeout: Duration,
    ) -> Result<Posted, String> {
        let request = self
            .agent
            .post(format!("{}{path}", self.address.page()))
            .header("authorization", format!("Bearer {token}"))
            .content_type("application/json")
            // A console that cannot wait for a body reads the header.
            .header(COMMAND_HEADER, in_ascii(body))
            .config()
            .timeout_global(Some(timeout))
            // Until there is a connection, the command cannot have taken effect. The whole time ends
            // later than these, and so is not taken for them.
            .timeout_resolve(Some(TIMEOUT.min(timeout / 4)))
            .timeout_connect(Some(TIMEOUT.min(timeout / 2)))
            .build();
        let not_answered = |error| match error {
            ureq::Error::Timeout(at) if !matches!(at, Timeout::Resolve | Timeout::Connect) => {
                format!(
                    "no answer within {} s: the command may still take effect: look at `verdigris \
                     status`",
                    timeout.as_secs_f64()
                )
            }
            error => failed(error),
        };
        let mut response = request.send(body).map_err(not_answered)?;
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(MAX_BODY).read_to_vec();
        Ok(Posted { status, text: quoted(&body.map_err(not_answered)?, MAX_DECISION) })
    }

    fn request(&self) -> Result<ConsoleState, String> {
        let mut response = self.agent.get(&self.address.0).call().map_err(failed)?;
        // Another server at the address must not get the token.
        let asks_for_token = response.status() == 401 && is_from_console(response.headers());
        let token = match asks_for_token {
            true => console_token().map_err(|why| format!("asks for a token: {why}"))?,
            false => None,
        };
        if let Some(token) = token {
            let request = self.agent.get(&self.address.0);
            let request = request.header("authorization", format!("Bearer {token}"));
            response = request.call().map_err(failed)?;
        }
        let status = response.status();
        let location = response
            .headers()
            .get("location")
            .map(|it| sanitized(&String::from_utf8_lossy(it.as_bytes())));
        let body = response.body_mut().with_config().limit(MAX_BODY).read_to_vec();
        let body = body.map_err(failed)?;
        if status.is_redirection() {
            let location = location.unwrap_or_default();
            return Err(format!(
                "redirects ({status}) to {location}: use the console's own address"
            ));
        }
        if !status.is_success() {
            return Err(format!("responds with {status}: {}", quoted(&body, MAX_QUOTE)));
        }
        ConsoleState::parse(&body)
    }
}

/// JSON text without characters that a header cannot have.
fn in_ascii(json: &str) -> String {
    let mut ascii = String::new();
    for character in json.chars() {
        if matches!(character, ' '..='~') {
            ascii.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                let _ = write!(ascii, "\\u{unit:04x}");
            }
        }
    }
    ascii
}

/// Asks all consoles at the same time. Returns the answers in the same order.
pub fn ask_all<T: Send>(
    consoles: &[ConsoleAddress],
    ask: impl Fn(&ConsoleClient) -> T + Sync,
) -> Vec<T> {
    let ask = &ask;
    std::thread::scope(|scope| {
        let start = |it: &ConsoleAddress| {
            let client = ConsoleClient::new(it.clone());
            scope.spawn(move || ask(&client))
        };
        let threads: Vec<_> = consoles.iter().map(start).collect();
        let answers = threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        answers.collect()
    })
}

/// Why a console did not answer.
fn failed(error: ureq::Error) -> String {
    match error {
        ureq::Error::BodyExceedsLimit(_) => {
            format!("is no console: the response is larger than {} MB", MAX_BODY >> 20)
        }
        error => format!(
            "cannot be reached: {error}: is Envoy running, with the console's listener at this \
             address?"
        ),
    }
}

// === impl ConsoleState ===

impl ConsoleState {
    fn parse(body: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Versioned {
            schema: u32,
        }

        let is_other = || {
            format!(
                "responds with something other than a console's state: {}",
                quoted(body, MAX_QUOTE)
            )
        };
        let json: Box<RawValue> = serde_json::from_slice(body).map_err(|_| is_other())?;
        let Versioned { schema } = serde_json::from_str(json.get()).map_err(|_| is_other())?;
        if schema != SCHEMA {
            let version = env!("CARGO_PKG_VERSION");
            let age = if schema > SCHEMA { "newer" } else { "older" };
            return Err(format!(
                "has a state of schema {schema}, but verdigris {version} reads schema {SCHEMA}: the \
                 filter is {age}; install the matching version of this command"
            ));
        }
        let mut value: Value = serde_json::from_str(json.get()).map_err(|_| is_other())?;
        sanitize_all(&mut value);
        let view = serde_json::from_value(value)
            .map_err(|error| format!("responds with a state that cannot be parsed: {error}"))?;
        Ok(Self { json, view })
    }

    /// The JSON as received, in one line.
    pub fn line(&self) -> String {
        // Line breaks in JSON are only between tokens.
        self.json.get().replace(['\n', '\r'], " ")
    }
}

fn sanitize_all(value: &mut Value) {
    match value {
        Value::String(text) => *text = sanitized(text),
        Value::Array(items) => items.iter_mut().for_each(sanitize_all),
        Value::Object(fields) => fields.values_mut().for_each(sanitize_all),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A text of one line without control characters and without hidden ones, which could change its order.
fn sanitized(text: &str) -> String {
    text.chars()
        .map(|it| match it {
            '\n' | '\r' | '\t' => ' ',
            it if is_unseen(it) => '\u{fffd}',
            it => it,
        })
        .collect()
}

/// The first `max` characters of a body.
fn quoted(body: &[u8], max: usize) -> String {
    let text = sanitized(String::from_utf8_lossy(body.get(..4 * max).unwrap_or(body)).trim());
    match text.char_indices().nth(max) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None if text.is_empty() => "an empty body".to_owned(),
        None => text,
    }
}

/// Whether an answer without access is that of a console: it names its realm.
fn is_from_console(headers: &HeaderMap) -> bool {
    let realm = headers.get("www-authenticate").and_then(|it| it.to_str().ok());
    realm.is_some_and(|it| it.contains("realm=\"Verdigris\""))
}

#[cfg(test)]
mod tests {
    use super::{ConsoleAddress, sanitized};

    #[test]
    fn an_address_may_lack_scheme_and_path() {
        for text in [
            "127.0.0.1:9902",
            "http://127.0.0.1:9902",
            "http://127.0.0.1:9902/",
            "127.0.0.1:9902/state.json",
            "http://127.0.0.1:9902/state.json/",
        ] {
            let ConsoleAddress(address) = ConsoleAddress::parse(text).unwrap();
            assert_eq!(address, "http://127.0.0.1:9902/state.json", "{text}");
        }
        for (text, address) in [
            ("localhost", "http://localhost/state.json"),
            ("[::1]:9902", "http://[::1]:9902/state.json"),
            ("http://a.example/console/", "http://a.example/console/state.json"),
        ] {
            assert_eq!(ConsoleAddress::parse(text).unwrap().0, address);
        }
        for (text, expected) in [
            ("", "write the address that the console listens on"),
            ("http://", "write the address that the console listens on"),
            ("a b", "write the address that the console listens on"),
            ("ftp://a", "write the address that the console listens on"),
            ("http://user:pass@a", "comes from the environment variable"),
            ("http://a?token=b", "comes from the environment variable"),
            ("https://a", "https is not supported: forward"),
        ] {
            let error = ConsoleAddress::parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn control_characters_are_replaced() {
        assert_eq!(sanitized("a\u{1b}[2J\u{9b}b\u{202e}c\nd"), "a\u{fffd}[2J\u{fffd}b\u{fffd}c d");
    }
}
