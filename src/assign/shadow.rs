//! Which of blue's requests green is asked as well.

use super::{Decision, Reason, Share, Version, unit_hash};

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
/// use verdigris::assign::{Decision, Reason, Share, Version, shadow};
/// let blue = Decision { version: Version::Blue, reason: Reason::Weight };
/// assert!(shadow::takes(Share::ALL, "assistant-v8", blue, Some(b"ada")));
/// assert!(!shadow::takes(Share::NONE, "assistant-v8", blue, Some(b"ada")));
/// ```
pub fn takes(share: Share, rollout: &str, decision: Decision, key: Option<&[u8]>) -> bool {
    let may_be = matches!(decision.reason, Reason::Weight | Reason::Drained | Reason::NoUnit);
    if decision.version != Version::Blue || !may_be {
        return false;
    }
    let half = |key: &[u8]| (unit_hash(rollout, key) & u64::from(u32::MAX)) as u32;
    share.contains(key.map_or(u32::MAX, half))
}
