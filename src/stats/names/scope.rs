//! What a metric is counted for.

use std::fmt;

use crate::assignment::Version;

/// What a metric is counted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatScope {
    /// A version.
    Of(Version),
    /// The shadow: copies of blue's requests that green answers for nobody. Names have
    /// `shadow` in place of a version.
    Shadow,
}

// === impl StatScope ===

impl StatScope {
    /// All scopes.
    pub const ALL: [Self; 3] = [Self::Of(Version::Blue), Self::Of(Version::Green), Self::Shadow];

    /// The version that answers: green in the shadow.
    pub fn version(self) -> Version {
        match self {
            Self::Of(version) => version,
            Self::Shadow => Version::Green,
        }
    }
}

impl fmt::Display for StatScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of(version) => version.fmt(f),
            Self::Shadow => f.write_str("shadow"),
        }
    }
}
