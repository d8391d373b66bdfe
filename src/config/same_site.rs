//! The `SameSite` attribute of a cookie.
//!
//! Source: RFC 6265bis (draft-ietf-httpbis-rfc6265bis-20), section 4.1.2.7.

/// The cross-site requests with which a browser sends a cookie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SameSite {
    /// None.
    Strict,
    /// Top-level navigations.
    #[default]
    Lax,
    /// All requests.
    None,
}

// === impl SameSite ===

impl SameSite {
    /// All values, in the order of [`Self::NAMES`].
    pub const ALL: [Self; 3] = [Self::Strict, Self::Lax, Self::None];
    /// The names used in the configuration.
    pub const NAMES: [&str; 3] = ["strict", "lax", "none"];

    /// The value in a `Set-Cookie` header.
    pub(super) fn attribute(self) -> &'static str {
        match self {
            Self::Strict => "Strict",
            Self::Lax => "Lax",
            Self::None => "None",
        }
    }
}
