//! Whether another version than the assigned one answered.

use crate::assignment::Version;

/// What Envoy reports about the endpoint that answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answerer<'a> {
    /// The version in the endpoint's metadata, if there is one.
    pub version: Option<&'a [u8]>,
    /// How often Envoy sent the request, to any endpoint.
    pub attempts: u64,
}

// === impl Answerer ===

impl Answerer<'_> {
    /// Whether the endpoint belongs to another version than `assigned`.
    ///
    /// An endpoint without a version in its metadata is taken to belong to the assigned
    /// version on the first attempt, and to the other version on a later one. The number of
    /// attempts alone does not decide: a composite cluster whose first cluster has no endpoint
    /// uses the second one at once, and a cluster may retry on an endpoint of its own.
    ///
    /// ```
    /// use verdigris::assignment::Version;
    /// use verdigris::response::Answerer;
    /// let answerer = Answerer { version: Some(b"blue"), attempts: 1 };
    /// assert!(answerer.differs_from(Version::Green));
    /// assert!(!Answerer { version: None, ..answerer }.differs_from(Version::Green));
    /// ```
    pub fn differs_from(self, assigned: Version) -> bool {
        match self.version {
            Some(version) => version != assigned.as_str().as_bytes(),
            None => self.attempts > 1,
        }
    }
}
