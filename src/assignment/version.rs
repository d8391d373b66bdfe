//! Blue runs today; green is the new prompt or model.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One of the two versions of an LLM feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Version {
    /// What runs today, and what every doubt falls back to.
    Blue,
    /// What is being released.
    Green,
}

// === impl Version ===

impl Version {
    /// Both, in the order in which tables are laid out.
    pub const ALL: [Self; 2] = [Self::Blue, Self::Green];

    /// The name used in configuration, headers and stats.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blue => "blue",
            Self::Green => "green",
        }
    }

    /// The version that `bytes` names, as a force header carries it. Anything
    /// but the two names, in any case of letters, is no version.
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
