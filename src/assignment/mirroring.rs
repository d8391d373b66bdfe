//! Which of blue's requests green is asked as well.

use super::{Assignment, Reason, Share, Version, analysis_hash};

/// Whether the request that was so decided is one of those that green is asked as well,
/// where these are the requests of a `share` of all units; `key` is its unit, or its
/// conversation's id.
///
/// A unit is in it or not by a hash that has nothing to do with the one that chooses its
/// version, so that the units of a small share are like those of blue as a whole. Who is
/// pinned to blue is never green's, and neither is anyone after a rollback. A request
/// without a key is in it only if all are.
///
/// ```
/// use verdigris::assignment::{Assignment, Reason, Share, Version, mirroring};
/// let blue = Assignment::new(Version::Blue, Reason::Weight);
/// assert!(mirroring::is_mirrored(Share::ALL, "assistant-v8", blue, Some(b"ada")));
/// assert!(!mirroring::is_mirrored(Share::ZERO, "assistant-v8", blue, Some(b"ada")));
/// ```
pub fn is_mirrored(share: Share, rollout: &str, decision: Assignment, key: Option<&[u8]>) -> bool {
    let may_be = matches!(decision.reason, Reason::Weight | Reason::Drained | Reason::NoUnit);
    if decision.version != Version::Blue || !may_be {
        return false;
    }
    let half = |key: &[u8]| (analysis_hash(rollout, key) & u64::from(u32::MAX)) as u32;
    share.contains(key.map_or(u32::MAX, half))
}
