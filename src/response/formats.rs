//! Which format a request and its answer have under a configuration.

use super::format::{Format, without_query};
use crate::assignment::Version;

/// The formats that a configuration states.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Formats {
    /// Blue's format.
    pub blue: Option<Format>,
    /// Green's format.
    pub green: Option<Format>,
    /// The formats of the paths with a prefix.
    pub paths: Vec<(Box<[u8]>, Format)>,
    /// The format of all other paths.
    pub default: Option<Format>,
}

// === impl Formats ===

impl Formats {
    /// The format of a request to `version` at `path`.
    ///
    /// The first one that is known counts: the version's own format, the format of the first
    /// prefix that matches, the default, the format that the path is known for.
    pub fn resolve(&self, version: Version, path: &[u8]) -> Option<Format> {
        self.for_version(version).or_else(|| self.at_path(path))
    }

    /// The format of a request to `version`, where it does not depend on the path.
    pub fn for_version(&self, version: Version) -> Option<Format> {
        let of_version = match version {
            Version::Blue => self.blue,
            Version::Green => self.green,
        };
        of_version.or(if self.paths.is_empty() { self.default } else { None })
    }

    /// Whether a model answers at `path`, whatever the version.
    ///
    /// A version's own format must not make a path a model's for that version alone. Where
    /// both versions have a format, or there is a default, a model answers at every path
    /// except those that are known to belong to other APIs.
    pub fn is_model_path(&self, path: &[u8]) -> bool {
        let is_listed = self.paths.iter().any(|(prefix, _)| path.starts_with(prefix));
        let is_for_all = self.default.is_some() || (self.blue.is_some() && self.green.is_some());
        is_listed || Format::from_path(path).is_some() || (is_for_all && !is_other_api(path))
    }

    fn at_path(&self, path: &[u8]) -> Option<Format> {
        let by_prefix = self.paths.iter().find(|(prefix, _)| path.starts_with(prefix));
        by_prefix.map(|(_, format)| *format).or(self.default).or_else(|| Format::from_path(path))
    }
}

/// Whether `path` is known to belong to an API that returns no model's answers.
fn is_other_api(path: &[u8]) -> bool {
    const PARTS: [&[u8]; 8] = [
        b"/models",
        b"/embeddings",
        b"/moderations",
        b"/images/",
        b"/audio/",
        b"/files",
        b"/batches",
        b"/rerank",
    ];
    let path = without_query(path);
    PARTS.into_iter().any(|part| path.windows(part.len()).any(|window| window == part))
}
