//! Which format a request and its answer have.

use crate::assignment::Version;
use crate::response::Format;
use crate::response::format::without_query;

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
    pub default: Option<Format>,
}

// === impl Formats ===

impl Formats {
    /// The format of `version`, where it does not depend on the path.
    pub fn configured(&self, version: Version) -> Option<Format> {
        let of_version = match version {
            Version::Blue => self.blue,
            Version::Green => self.green,
        };
        of_version.or(if self.paths.is_empty() { self.default } else { None })
    }

    /// Whether a model answers at `path`, whichever the version: a version's own format must
    /// not make a path a model's for that version alone. Where both have one, or there is one
    /// for all, any path is but those that are known to be of other APIs.
    pub fn is_model_at(&self, path: &[u8]) -> bool {
        let is_listed = self.paths.iter().any(|(prefix, _)| path.starts_with(prefix));
        let is_for_all = self.default.is_some() || (self.blue.is_some() && self.green.is_some());
        is_listed || Format::from_path(path).is_some() || (is_for_all && !is_other_api(path))
    }

    /// The format at `path`: by the first prefix that fits, else the one that is
    /// configured for all, else the one that the path is known for.
    pub fn resolve(&self, path: &[u8]) -> Option<Format> {
        let by_prefix = self.paths.iter().find(|(prefix, _)| path.starts_with(prefix));
        by_prefix.map(|(_, format)| *format).or(self.default).or_else(|| Format::from_path(path))
    }
}

/// Whether `path` is known to be of an API that answers otherwise.
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
    PARTS.into_iter().any(|part| path.windows(part.len()).any(|it| it == part))
}
