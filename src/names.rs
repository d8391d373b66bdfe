//! Names of rollouts, clusters, headers and cookies, valid by construction.

use std::fmt;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $rule:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name(Box<str>);

        impl $name {
            /// The rule for names of this kind, as error messages show it.
            pub const RULE: &str = $rule;

            /// The name as a string.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// The name of a release attempt. It salts the hash of units and labels every stat.
    RolloutName, r#"use 1 to 63 of a-z, 0-9 and "-", such as "assistant-v8""#
}
name! {
    /// The name of an Envoy cluster.
    ClusterName, r#"name an Envoy cluster, such as "llm-blue": not empty, without control characters and surrounding whitespace"#
}
name! {
    /// The name of an HTTP header, in lower case.
    HeaderName, r#"name an HTTP header, such as "x-user-id": letters, digits and any of !#$%&'*+-.^_`|~"#
}
name! {
    /// The name of a cookie. Case-sensitive.
    CookieName, r#"name a cookie, such as "uid": letters, digits and any of !#$%&'*+-.^_`|~"#
}

// === impl RolloutName ===

impl RolloutName {
    /// Accepts names that match `[a-z0-9-]{1,63}`.
    pub fn new(name: &str) -> Option<Self> {
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        let valid = (1..=63).contains(&name.len()) && name.bytes().all(allowed);
        valid.then(|| Self(name.into()))
    }
}

// === impl ClusterName ===

impl ClusterName {
    /// Accepts names that a header can carry unchanged.
    pub fn new(name: &str) -> Option<Self> {
        let valid = !name.is_empty() && name.trim() == name && !name.contains(char::is_control);
        valid.then(|| Self(name.into()))
    }
}

// === impl HeaderName ===

impl HeaderName {
    /// Accepts tokens, and converts them to lower case. Pseudo-headers such as `:path` are not
    /// tokens.
    pub fn new(name: &str) -> Option<Self> {
        is_token(name).then(|| Self(name.to_ascii_lowercase().into()))
    }

    /// Whether the header controls the framing or the destination of a message.
    pub fn is_framing(&self) -> bool {
        let framing = ["connection", "content-length", "host", "transfer-encoding", "upgrade"];
        framing.contains(&self.as_str())
    }

    /// Whether requests use the header for routing, framing, content or credentials, so that
    /// overwriting it would break them.
    pub fn is_standard(&self) -> bool {
        [
            "accept",
            "accept-encoding",
            "authorization",
            "connection",
            "content-encoding",
            "content-length",
            "content-type",
            "cookie",
            "expect",
            "host",
            "keep-alive",
            "proxy-authorization",
            "proxy-connection",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
            "user-agent",
        ]
        .contains(&self.as_str())
    }
}

// === impl CookieName ===

impl CookieName {
    /// Accepts tokens.
    pub fn new(name: &str) -> Option<Self> {
        is_token(name).then(|| Self(name.into()))
    }
}

/// Whether `name` is a `token` of RFC 9110, section 5.6.2.
fn is_token(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(allowed)
}
