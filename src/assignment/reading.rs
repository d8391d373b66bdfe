//! The selection of requests whose answers are read.

use super::exposure::Exposure;
use super::{Assignment, Share, Version, sampling_hash};

/// Whose answers are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadAnswers {
    /// Those of this share of all units, on both versions.
    OfUnits(Share),
    /// Green's, and those of blue's units that are compared with them.
    Compared,
}

// === impl ReadAnswers ===

impl ReadAnswers {
    /// Whether the answer to a request is read. `key` is the request's unit, or the id of its
    /// conversation; `exposure` is set where its assignment is evidence.
    ///
    /// A unit is in a share by the upper half of [`sampling_hash`]: independently of the hash that
    /// assigns versions, and of the half that selects mirrored units. A request without a key is in
    /// it only if all units are.
    ///
    /// ```
    /// use verdigris::assignment::{Assignment, ReadAnswers, Reason, Share, Version};
    /// let blue = Assignment::new(Version::Blue, Reason::Weight);
    /// let reads = |of: ReadAnswers| of.contains("assistant-v8", blue, None, Some(b"ada"));
    /// assert!(reads(ReadAnswers::OfUnits(Share::ALL)));
    /// assert!(!reads(ReadAnswers::OfUnits(Share::ZERO)) && !reads(ReadAnswers::Compared));
    /// ```
    pub fn contains(
        self,
        rollout: &str,
        assignment: Assignment,
        exposure: Option<&Exposure>,
        key: Option<&[u8]>,
    ) -> bool {
        match self {
            Self::Compared => exposure.is_some() || assignment.version == Version::Green,
            Self::OfUnits(Share::ALL) => true,
            Self::OfUnits(share) => {
                let upper_half = |key: &[u8]| (sampling_hash(rollout, key) >> 32) as u32;
                share.contains(key.map_or(u32::MAX, upper_half))
            }
        }
    }
}
