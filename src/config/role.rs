//! What the filter is there for at a listener.

/// What the filter is there for at a listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// It decides who answers.
    #[default]
    Release,
    /// It gets copies of blue's requests, and has green answer them for nobody.
    Shadow,
    /// It gets green's requests as they came, and sends them to green as green has them.
    Green,
}

// === impl Role ===

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Release, Self::Shadow, Self::Green];

    /// Those that a configuration may name; the others only a listener's metadata.
    pub const CONFIGURED: [Self; 2] = [Self::Release, Self::Shadow];

    /// The name used in a listener's metadata, and in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Shadow => "shadow",
            Self::Green => "green",
        }
    }

    /// The role of that name.
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
