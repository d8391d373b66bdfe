//! Which format a request and its answer have.

use crate::assign::Version;
use crate::observe::Format;

/// What is said of formats.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Formats {
    /// Of blue.
    pub blue: Option<Format>,
    /// Of green.
    pub green: Option<Format>,
    /// Of the paths that begin so.
    pub paths: Vec<(Box<[u8]>, Format)>,
    /// Of all others.
    pub other: Option<Format>,
}

// === impl Formats ===

impl Formats {
    /// The format of `version`, where it does not depend on the path.
    pub fn of(&self, version: Version) -> Option<Format> {
        let of_version = match version {
            Version::Blue => self.blue,
            Version::Green => self.green,
        };
        of_version.or(if self.paths.is_empty() { self.other } else { None })
    }

    /// The format at `path`: by the first prefix that fits, else the one that is
    /// configured for all, else the one that the path is known for.
    pub fn at(&self, path: &[u8]) -> Option<Format> {
        let by_prefix = self.paths.iter().find(|(prefix, _)| path.starts_with(prefix));
        by_prefix.map(|(_, format)| *format).or(self.other).or_else(|| Format::of_path(path))
    }
}
