//! Which format a request and its answer have under a configuration.

use super::format::Format;
use super::known_path::{KnownApi, is_certain, known_api};
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
        self.configured(version, path).or_else(|| Format::from_path(path))
    }

    /// The format of a request to `version` at `path`, where it can be patched.
    pub fn resolve_request(&self, version: Version, path: &[u8]) -> Option<Format> {
        self.configured(version, path).or_else(|| Format::of_requests_at(path))
    }

    /// Whether a request to `version` at `path` asks a model: by the configuration, or because its form
    /// is known, and no application has such a path.
    pub fn asks_model(&self, version: Version, path: &[u8]) -> bool {
        self.configured(version, path).is_some()
            || (is_certain(path) && Format::of_requests_at(path).is_some())
    }

    /// The format that the configuration states for a request to `version` at `path`.
    ///
    /// A version's own format and the default are those of answers. They do not count at a path
    /// that is known to belong to an API without answers, such as embeddings, unless a prefix
    /// lists it.
    pub fn configured(&self, version: Version, path: &[u8]) -> Option<Format> {
        let by_prefix = self.paths.iter().find(|(prefix, _)| path.starts_with(prefix));
        let format =
            self.of_version(version).or(by_prefix.map(|(_, format)| *format)).or(self.default);
        let has_answers =
            || !matches!(known_api(path), Some(KnownApi::Embeddings | KnownApi::Other));
        format.filter(|_| by_prefix.is_some() || has_answers())
    }

    /// The format of a request to `version` whose path is not known; `None` where it depends on
    /// the path.
    pub fn without_path(&self, version: Version) -> Option<Format> {
        self.of_version(version).or(if self.paths.is_empty() { self.default } else { None })
    }

    fn of_version(&self, version: Version) -> Option<Format> {
        match version {
            Version::Blue => self.blue,
            Version::Green => self.green,
        }
    }

    /// Whether each answer at `path` is that of a model: the path is that of an LLM API alone, or it
    /// is listed. `known` is the API that the path is known for.
    pub fn is_certain(&self, path: &[u8], known: Option<KnownApi>) -> bool {
        let is_known = matches!(known, Some(KnownApi::Answers { is_certain: true, .. }));
        is_known || self.is_listed(path)
    }

    fn is_listed(&self, path: &[u8]) -> bool {
        self.paths.iter().any(|(prefix, _)| path.starts_with(prefix))
    }

    /// Whether a model answers at `path`, whatever the version. `known` is the API that the path is
    /// known for.
    ///
    /// A version's own format must not make a path a model's for that version alone. Where
    /// both versions have a format, or there is a default, a model answers at every path
    /// except those that are known to belong to other APIs.
    pub fn is_model_path(&self, path: &[u8], known: Option<KnownApi>) -> bool {
        let is_for_all = self.default.is_some() || (self.blue.is_some() && self.green.is_some());
        self.is_listed(path)
            || match known {
                Some(KnownApi::Answers { .. }) => true,
                Some(KnownApi::Embeddings | KnownApi::Other) => false,
                None => is_for_all,
            }
    }
}
