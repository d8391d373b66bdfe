//! The host names under which the operator's page may be requested.

use super::InvalidConfig;
use super::diagnostics::Diagnostics;
use super::raw::root::RawConsole;

/// The configuration of the operator's page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsoleConfig {
    /// The host names under which the page may be requested, besides `localhost` and IP addresses.
    pub hosts: Vec<Box<str>>,
}

// === impl ConsoleConfig ===

impl TryFrom<RawConsole> for ConsoleConfig {
    type Error = InvalidConfig;

    fn try_from(raw: RawConsole) -> Result<Self, InvalidConfig> {
        let mut diagnostics = Diagnostics::default();
        let console = Self::check(&raw, &mut diagnostics);
        diagnostics.into_result(Some(console))
    }
}

impl ConsoleConfig {
    /// Checks the host names.
    pub(super) fn check(raw: &RawConsole, diagnostics: &mut Diagnostics) -> Self {
        let mut hosts = Vec::new();
        for (index, host) in raw.hosts.iter().enumerate() {
            let is_allowed =
                |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
            let is_valid = !host.is_empty() && host.bytes().all(is_allowed);
            let rule = r#"write a host name without scheme and port, such as "verdigris.example""#;
            let check = |host: &str| if is_valid { Ok(Box::from(host)) } else { Err(rule) };
            hosts.extend(diagnostics.checked(&format!("console.hosts[{index}]"), host, check));
        }
        Self { hosts }
    }

    /// Whether the page may be requested under `authority`, the value of a `Host` header.
    ///
    /// This prevents DNS rebinding: an attacker's site can resolve its own name to the console's
    /// address, but browsers then send that name, and never an IP address.
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
        let in_brackets = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        let is_address = match in_brackets {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => host.parse::<std::net::Ipv4Addr>().is_ok(),
        };
        is_address || host.eq_ignore_ascii_case("localhost") || self.lists_authority(authority)
    }

    /// Whether the host in `authority` is one of the configured names.
    pub fn lists_authority(&self, authority: &[u8]) -> bool {
        let is_listed = |host: &str| self.hosts.iter().any(|name| name.eq_ignore_ascii_case(host));
        host_of_authority(authority).is_some_and(is_listed)
    }
}

/// The host of an authority, without the port.
fn host_of_authority(authority: &[u8]) -> Option<&str> {
    let authority = str::from_utf8(authority).ok()?;
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    Some(match authority.rsplit_once(':') {
        Some((host, port)) if is_port(port) => host,
        _ => authority,
    })
}
