//! The state of a console elsewhere, over HTTP. It is only read.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use ureq::http::Uri;

use crate::console::View;
use crate::console::view::SCHEMA;

/// Where a console's state is.
#[derive(Clone, Debug)]
pub struct ConsoleAddress(String);

/// A console that can be asked.
pub struct ConsoleClient {
    address: ConsoleAddress,
    agent: ureq::Agent,
}

/// What a console has said.
pub struct ConsoleState {
    /// As it came.
    pub json: Box<RawValue>,
    /// The same to be shown: no text in it has a character that would do something to a
    /// terminal.
    pub view: View,
}

/// How long is waited for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A larger answer is no state: one rollout's has some 20 KB.
const LARGEST: u64 = 16 << 20;

/// So much of what should not have been answered is shown.
const SHOWN: usize = 160;

// === impl Address ===

impl ConsoleAddress {
    /// Where the console is, as a person writes it: with or without the scheme, and the path.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mend = "write where the console listens, such as http://127.0.0.1:9902";
        let rest = match text.split_once("://") {
            None => text,
            Some(("http", rest)) => rest,
            Some(("https", _)) => {
                return Err(
                    "https is not spoken here: forward the console's port, such as with ssh \
                            -L 9902:127.0.0.1:9902 or kubectl port-forward, and name that"
                        .to_owned(),
                );
            }
            Some(_) => return Err(mend.to_owned()),
        };
        if rest.contains(['@', '?', '#']) {
            return Err(format!("{mend}: no name, no query; nothing secret is sent anywhere"));
        }
        let rest = rest.trim_end_matches('/');
        let rest = rest.strip_suffix("/state.json").unwrap_or(rest).trim_end_matches('/');
        let address = format!("http://{rest}/state.json");
        let uri = address.parse::<Uri>().ok();
        // A port that is none would be taken for the usual one.
        let is_port = |authority: &ureq::http::uri::Authority| {
            let after = authority.as_str().strip_prefix(authority.host());
            after.is_some_and(|after| after.is_empty() || authority.port_u16().is_some())
        };
        let uri = uri.filter(|uri| uri.authority().is_some_and(is_port));
        let host = uri.as_ref().and_then(Uri::host).filter(|it| !it.is_empty());
        host.map(|_| Self(address.clone())).ok_or_else(|| mend.to_owned())
    }

    /// The page's own address.
    pub fn page(&self) -> &str {
        self.0.strip_suffix("state.json").unwrap_or(&self.0)
    }
}

// === impl Remote ===

impl ConsoleClient {
    pub fn new(address: ConsoleAddress) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            // The console is near; a proxy would be asked for its own loopback.
            .proxy(None)
            .user_agent(concat!("verdigris/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { address, agent: config.into() }
    }

    pub fn address(&self) -> &ConsoleAddress {
        &self.address
    }

    /// What the console says now; else why there is none, in words.
    pub fn state(&self) -> Result<ConsoleState, String> {
        let ConsoleAddress(address) = &self.address;
        self.ask().map_err(|why| format!("{address} {why}"))
    }

    fn ask(&self) -> Result<ConsoleState, String> {
        let unreached = |error: ureq::Error| match error {
            ureq::Error::BodyExceedsLimit(_) => {
                format!("answers with more than {} MB: that is no console", LARGEST >> 20)
            }
            error => format!(
                "cannot be reached: {error}: does Envoy run, with the console's listener at this \
                 address?"
            ),
        };
        let mut response = self.agent.get(&self.address.0).call().map_err(unreached)?;
        let status = response.status();
        let to = response
            .headers()
            .get("location")
            .map(|it| clean(&String::from_utf8_lossy(it.as_bytes())));
        let body = response.body_mut().with_config().limit(LARGEST).read_to_vec();
        let body = body.map_err(unreached)?;
        if status.is_redirection() {
            let to = to.unwrap_or_default();
            return Err(format!("sends elsewhere ({status}), to {to}: name the console itself"));
        }
        if !status.is_success() {
            return Err(format!("answers {status}: {}", beginning(&body)));
        }
        ConsoleState::read(&body)
    }
}

// === impl State ===

impl ConsoleState {
    fn read(body: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Versioned {
            schema: u32,
        }

        let is_none = || format!("answers with what is no console's state: {}", beginning(body));
        let json: Box<RawValue> = serde_json::from_slice(body).map_err(|_| is_none())?;
        let Versioned { schema } = serde_json::from_str(json.get()).map_err(|_| is_none())?;
        if schema != SCHEMA {
            let version = env!("CARGO_PKG_VERSION");
            let age = if schema > SCHEMA { "newer" } else { "older" };
            return Err(format!(
                "has a state of schema {schema}, and this is verdigris {version}, which reads \
                 {SCHEMA}: the filter there is {age}; install the command that belongs to it"
            ));
        }
        let mut value: Value = serde_json::from_str(json.get()).map_err(|_| is_none())?;
        clean_all(&mut value);
        let view = serde_json::from_value(value)
            .map_err(|error| format!("answers with a state that cannot be read: {error}"))?;
        Ok(Self { json, view })
    }

    /// As it came, in one line.
    pub fn line(&self) -> String {
        // Only white space between its parts can have these.
        self.json.get().replace(['\n', '\r'], " ")
    }
}

fn clean_all(value: &mut Value) {
    match value {
        Value::String(text) => *text = clean(text),
        Value::Array(items) => items.iter_mut().for_each(clean_all),
        Value::Object(fields) => fields.values_mut().for_each(clean_all),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A text without what would move a terminal's cursor, or turn a line about.
fn clean(text: &str) -> String {
    let is_direction = |it| matches!(it, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .map(|it| match it {
            '\n' | '\r' | '\t' => ' ',
            it if it.is_control() || is_direction(it) => '\u{fffd}',
            it => it,
        })
        .collect()
}

/// How a body begins, as a text.
fn beginning(body: &[u8]) -> String {
    let text = clean(String::from_utf8_lossy(body.get(..4 * SHOWN).unwrap_or(body)).trim());
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None if text.is_empty() => "nothing".to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::{ConsoleAddress, clean};

    #[test]
    fn an_address_is_read_as_people_write_it() {
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
        for (text, mend) in [
            ("", "write where the console listens"),
            ("http://", "write where the console listens"),
            ("a b", "write where the console listens"),
            ("ftp://a", "write where the console listens"),
            ("http://user:pass@a", "nothing secret is sent"),
            ("http://a?token=b", "nothing secret is sent"),
            ("https://a", "https is not spoken here: forward"),
        ] {
            let refused = ConsoleAddress::parse(text).unwrap_err();
            assert!(refused.contains(mend), "{text}: {refused}");
        }
    }

    #[test]
    fn no_text_does_anything_to_a_terminal() {
        assert_eq!(clean("a\u{1b}[2J\u{9b}b\u{202e}c\nd"), "a\u{fffd}[2J\u{fffd}b\u{fffd}c d");
    }
}
