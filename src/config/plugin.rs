//! What a plugin is configured to be: a rollout's filter, or the console.

use serde_json::Value;

use super::diagnostics::Diagnostics;
use super::raw::json_text::json_of;
use super::raw::root::{RawConfig, RawConsole};
use super::release::Config;
use super::{FieldError, InvalidConfig};

/// What a plugin is configured to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Plugin {
    /// A rollout's filter.
    Rollout(Box<Config>),
    /// The operator's page.
    Console(ConsoleConfig),
}

/// The operator's page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsoleConfig {
    /// The names by which it may be asked for, besides `localhost` and addresses.
    pub hosts: Vec<Box<str>>,
}

// === impl Plugin ===

impl Plugin {
    /// Reads and checks the JSON text of a plugin configuration.
    ///
    /// A console's may have a rollout's fields too. They must be known, and are not looked
    /// at.
    ///
    /// # Errors
    /// Everything that is wrong with it, as [`Config::parse`] has it.
    ///
    /// ```
    /// use verdigris::config::{ConsoleConfig, Plugin};
    /// let plugin = Plugin::parse(br#"{"role": "console"}"#)?;
    /// assert_eq!(plugin, Plugin::Console(ConsoleConfig::default()));
    /// # Ok::<(), verdigris::config::InvalidConfig>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, InvalidConfig> {
        let json = json_of(text)?;
        let is_console = json.get("role").and_then(Value::as_str) == Some("console");
        let written = RawConfig::of_json(&json)?;
        if is_console {
            return ConsoleConfig::try_from(written.console.unwrap_or_default()).map(Self::Console);
        }
        Config::try_from(written).map(|config| Self::Rollout(Box::new(config)))
    }
}

impl Config {
    /// Reads and checks the JSON text of a rollout's configuration.
    ///
    /// # Errors
    /// Everything that is wrong with it. Where the shape is wrong, all that is wrong with the
    /// shape: the rest cannot be read past it.
    pub fn parse(text: &[u8]) -> Result<Self, InvalidConfig> {
        match Plugin::parse(text)? {
            Plugin::Rollout(config) => Ok(*config),
            Plugin::Console(_) => {
                let mend = "this is the console's configuration, and no rollout's";
                Err(FieldError::new("role", &"console".into(), mend).into())
            }
        }
    }
}

// === impl ConsoleConfig ===

impl TryFrom<RawConsole> for ConsoleConfig {
    type Error = InvalidConfig;

    fn try_from(written: RawConsole) -> Result<Self, InvalidConfig> {
        let mut problems = Diagnostics::default();
        let mut hosts = Vec::new();
        for (at, host) in written.hosts.iter().enumerate() {
            let is_host = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'.' | b'-' | b'_');
            let is_name = !host.is_empty() && host.bytes().all(is_host);
            let rule =
                r#"write a host's name without scheme and port, such as "verdigris.example""#;
            let check = |host: &str| if is_name { Ok(Box::from(host)) } else { Err(rule) };
            hosts.extend(problems.checked(&format!("console.hosts[{at}]"), host, check));
        }
        problems.into_result(Some(Self { hosts }))
    }
}

impl ConsoleConfig {
    /// Whether it may be asked for by this name, as a `Host` header has it. A page from
    /// elsewhere can have its own name point at the console, and would be asked for by that;
    /// it cannot have an address.
    ///
    /// ```
    /// use verdigris::config::ConsoleConfig;
    /// let console = ConsoleConfig { hosts: vec!["verdigris.example".into()] };
    /// for host in ["localhost:9902", "127.0.0.1", "[::1]:80", "verdigris.example"] {
    ///     assert!(console.accepts_authority(host.as_bytes()), "{host}");
    /// }
    /// assert!(!console.accepts_authority(b"elsewhere.example:9902"));
    /// ```
    pub fn accepts_authority(&self, authority: &[u8]) -> bool {
        let Some(host) = host_of_authority(authority) else { return false };
        let inside = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        let is_address = match inside {
            Some(inside) => inside.parse::<std::net::Ipv6Addr>().is_ok(),
            None => host.parse::<std::net::Ipv4Addr>().is_ok(),
        };
        is_address || host.eq_ignore_ascii_case("localhost") || self.lists_authority(authority)
    }

    /// Whether this is one of the names that are written.
    pub fn lists_authority(&self, authority: &[u8]) -> bool {
        let is_it = |host: &str| self.hosts.iter().any(|name| name.eq_ignore_ascii_case(host));
        host_of_authority(authority).is_some_and(is_it)
    }
}

/// The host, without the port.
fn host_of_authority(authority: &[u8]) -> Option<&str> {
    let authority = str::from_utf8(authority).ok()?;
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|it| it.is_ascii_digit());
    Some(match authority.rsplit_once(':') {
        Some((host, port)) if is_port(port) => host,
        _ => authority,
    })
}
