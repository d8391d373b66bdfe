//! Whether another version than the one that was chosen has answered.

use crate::assignment::Version;

/// What the proxy says of the endpoint that answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answerer<'a> {
    /// The version that its metadata name, if they do.
    pub version: Option<&'a [u8]>,
    /// How often the request was sent, to any endpoint.
    pub attempts: u64,
}

// === impl Answerer ===

impl Answerer<'_> {
    /// Whether it is of another version than `chosen`.
    ///
    /// An endpoint whose metadata do not say is taken to be of the version that was chosen
    /// if it was the first to be asked, and of another if not. Attempts alone do not tell:
    /// a composite cluster whose first cluster has no endpoint asks the second one at once,
    /// and a cluster may ask another endpoint of its own.
    ///
    /// ```
    /// use verdigris::assignment::Version;
    /// use verdigris::response::Answerer;
    /// let answerer = Answerer { version: Some(b"blue"), attempts: 1 };
    /// assert!(answerer.differs_from(Version::Green));
    /// assert!(!Answerer { version: None, ..answerer }.differs_from(Version::Green));
    /// ```
    pub fn differs_from(self, chosen: Version) -> bool {
        match self.version {
            Some(version) => version != chosen.as_str().as_bytes(),
            None => self.attempts > 1,
        }
    }
}
