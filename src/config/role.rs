//! What the filter is there for at a listener.

/// What the filter is there for at a listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// It decides who answers.
    #[default]
    Release,
    /// It gets copies of blue's requests, and has green answer them for nobody.
    Shadow,
}

// === impl Role ===

impl Role {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Release, Self::Shadow];

    /// The name used in the configuration and in a listener's metadata.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Shadow => "shadow",
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
