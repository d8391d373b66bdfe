//! The `SameSite` attribute of a cookie.
//!
//! Source: RFC 6265bis (draft-ietf-httpbis-rfc6265bis-20), section 4.1.2.7.

/// With which requests from other sites a browser sends a cookie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SameSite {
    /// With none.
    Strict,
    /// With those that open a page.
    #[default]
    Lax,
    /// With all.
    None,
}

// === impl SameSite ===

impl SameSite {
    /// All of them, in the order of [`Self::NAMES`].
    pub const ALL: [Self; 3] = [Self::Strict, Self::Lax, Self::None];
    /// As the configuration names them.
    pub const NAMES: [&str; 3] = ["strict", "lax", "none"];

    /// As a `Set-Cookie` header names it.
    pub(super) fn attribute(self) -> &'static str {
        match self {
            Self::Strict => "Strict",
            Self::Lax => "Lax",
            Self::None => "None",
        }
    }
}
