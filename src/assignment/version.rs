//! The two versions of a release: blue runs today, green is the new prompt or model.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One of the two versions of an LLM feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Version {
    /// Runs today. Requests go here whenever the filter cannot decide.
    Blue,
    /// The version that is being released.
    Green,
}

// === impl Version ===

impl Version {
    /// Both versions, in the order that tables show them.
    pub const ALL: [Self; 2] = [Self::Blue, Self::Green];

    /// The name used in configuration, headers and stats.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blue => "blue",
            Self::Green => "green",
        }
    }

    /// The version that this one is compared with.
    pub const fn other(self) -> Self {
        match self {
            Self::Blue => Self::Green,
            Self::Green => Self::Blue,
        }
    }

    /// Parses the value of a force header. Case is ignored; any value other than the two names
    /// is `None`.
    ///
    /// ```
    /// use verdigris::assignment::Version;
    /// assert_eq!(Version::from_bytes(b"Green"), Some(Version::Green));
    /// assert_eq!(Version::from_bytes(b"teal"), None);
    /// ```
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|version| bytes.eq_ignore_ascii_case(version.as_str().as_bytes()))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
