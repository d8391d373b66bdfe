//! The key of the hash by which the analysis knows a unit.

use super::sip_key::SipKey;

/// The secret by which the analysis of one rollout hashes units. All workers of an Envoy process
/// have the same.
///
/// The hash decides which units are remembered where there are too many, and in which group a
/// unit counts. [`bucket_hash`](super::bucket_hash), which chooses the version, has no secret and
/// the response names the version. So a client that can choose units, for example by cookies, can
/// choose which of them are on green; but without the key nobody can choose units that displace
/// others from the memory, fill all groups of a tripwire, or have the hash of another unit.
///
/// The hash is SipHash-2-4, a pseudorandom function. MurmurHash3 with a secret seed would not
/// do: it has collisions that do not depend on the seed.
///
/// Source: Aumasson and Bernstein, *SipHash: a fast short-input PRF*, INDOCRYPT 2012, whose
/// section 7 describes these collisions of MurmurHash3.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct UnitKey(SipKey);

// === impl UnitKey ===

impl UnitKey {
    /// The length of a key in bytes.
    pub const LENGTH: usize = SipKey::LENGTH;

    /// The key with these bytes; `None` unless there are [`LENGTH`](Self::LENGTH) of them.
    ///
    /// ```
    /// use verdigris::assignment::UnitKey;
    /// let key = UnitKey::from_bytes(&[7; UnitKey::LENGTH]).unwrap();
    /// assert_eq!(key.hash(b"ada"), key.hash(b"ada"));
    /// assert_ne!(key.hash(b"ada"), key.hash(b"grace"));
    /// let other = UnitKey::from_bytes(&[8; UnitKey::LENGTH]).unwrap();
    /// assert_ne!(key.hash(b"ada"), other.hash(b"ada"));
    /// ```
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        SipKey::from_bytes(bytes).map(Self)
    }

    /// The hash that identifies `unit`, or a conversation by its id, in the analysis. It is
    /// independent of [`bucket_hash`](super::bucket_hash), so that a sample selected by it does
    /// not depend on the version.
    pub fn hash(self, unit: &[u8]) -> u64 {
        self.0.hash(&[unit])
    }
}
