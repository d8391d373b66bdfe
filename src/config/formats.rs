//! The API formats of requests and responses.

use crate::assignment::Version;
use crate::response::Format;
use crate::response::format::without_query;

/// The configured formats.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Formats {
    /// Blue's format.
    pub blue: Option<Format>,
    /// Green's format.
    pub green: Option<Format>,
    /// Formats by path prefix. The first match wins.
    pub paths: Vec<(Box<[u8]>, Format)>,
    /// The format of all other paths.
    pub default: Option<Format>,
}

// === impl Formats ===

impl Formats {
    /// The format of `version` if it does not depend on the path.
    pub fn configured(&self, version: Version) -> Option<Format> {
        let of_version = match version {
            Version::Blue => self.blue,
            Version::Green => self.green,
        };
        of_version.or(if self.paths.is_empty() { self.default } else { None })
    }

    /// Whether `path` belongs to a model's API. The answer is the same for both versions, so that
    /// a version's own format does not make a path count for that version alone.
    ///
    /// If both versions have a format, or there is a default one, every path counts except those
    /// of known other APIs.
    pub fn is_model_at(&self, path: &[u8]) -> bool {
        let is_listed = self.paths.iter().any(|(prefix, _)| path.starts_with(prefix));
        let is_for_all = self.default.is_some() || (self.blue.is_some() && self.green.is_some());
        is_listed || Format::from_path(path).is_some() || (is_for_all && !is_other_api(path))
    }

    /// The format of requests to `path`: that of the first matching prefix, else the default
    /// format, else the format that is known for the path.
    pub fn resolve(&self, path: &[u8]) -> Option<Format> {
        let by_prefix = self.paths.iter().find(|(prefix, _)| path.starts_with(prefix));
        by_prefix.map(|(_, format)| *format).or(self.default).or_else(|| Format::from_path(path))
    }
}

/// Whether `path` belongs to a known API whose responses are no model answers.
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
