//! The role of the filter in a listener.

/// The role of the filter in a listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Assigns a version to each request, and routes it.
    #[default]
    Release,
    /// Receives copies of blue's requests and sends them to green. Nobody receives the responses.
    Shadow,
    /// Receives green's requests unchanged, and applies green's patch.
    Green,
}

// === impl Role ===

impl Role {
    /// All roles.
    pub const ALL: [Self; 3] = [Self::Release, Self::Shadow, Self::Green];

    /// The roles that a configuration may name. The others are set only by a listener's metadata.
    pub const CONFIGURED: [Self; 2] = [Self::Release, Self::Shadow];

    /// The name used in a listener's metadata and in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Shadow => "shadow",
            Self::Green => "green",
        }
    }

    /// Parses a role's name.
    ///
    /// ```
    /// use verdigris::config::Role;
    /// assert_eq!(Role::from_bytes(b"shadow"), Some(Role::Shadow));
    /// assert_eq!(Role::from_bytes(b"shadows"), None);
    /// ```
    pub fn from_bytes(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str().as_bytes() == name)
    }
}
