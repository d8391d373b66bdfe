//! The selection of blue's requests that are mirrored to green.

use super::{Assignment, Reason, Share, Version, sampling_hash};

/// Whether a request is mirrored to green, if `share` of all units are. `key` is the request's
/// unit, or the id of its conversation.
///
/// Membership uses the lower half of [`sampling_hash`], which is independent of the hash that
/// assigns versions, so that the mirrored units are a random sample of blue's. Requests are not
/// mirrored if they are pinned or forced to blue, or after a rollback. A request without a key
/// is mirrored only if all units are.
///
/// ```
/// use verdigris::assignment::{Assignment, Reason, Share, Version, mirroring};
/// let blue = Assignment::new(Version::Blue, Reason::Weight);
/// assert!(mirroring::is_mirrored(Share::ALL, "assistant-v8", blue, Some(b"ada")));
/// assert!(!mirroring::is_mirrored(Share::ZERO, "assistant-v8", blue, Some(b"ada")));
/// ```
pub fn is_mirrored(
    share: Share,
    rollout: &str,
    assignment: Assignment,
    key: Option<&[u8]>,
) -> bool {
    let is_eligible =
        matches!(assignment.reason, Reason::Weight | Reason::Drained | Reason::NoUnit);
    if assignment.version != Version::Blue || !is_eligible {
        return false;
    }
    let lower_half = |key: &[u8]| (sampling_hash(rollout, key) & u64::from(u32::MAX)) as u32;
    share.contains(key.map_or(u32::MAX, lower_half))
}
