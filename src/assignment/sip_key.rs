//! The key of a secret hash that all workers and Envoys compute alike.

// `SipHasher` is deprecated in favour of a hasher whose algorithm may change. Workers must compute the
// same hash, so they need the same algorithm whatever compiler built them.
use std::hash::Hasher as _;
#[allow(deprecated, reason = "this very algorithm is needed")]
use std::hash::SipHasher;

/// A key of SipHash-2-4, a pseudorandom function.
///
/// Source: Aumasson and Bernstein, *SipHash: a fast short-input PRF*, INDOCRYPT 2012.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SipKey([u64; 2]);

// === impl SipKey ===

impl SipKey {
    /// The length of a key in bytes.
    pub const LENGTH: usize = 16;

    /// The key with these bytes; `None` unless there are [`LENGTH`](Self::LENGTH) of them.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (low, rest) = bytes.split_first_chunk()?;
        let high = rest.try_into().ok()?;
        Some(Self([u64::from_le_bytes(*low), u64::from_le_bytes(high)]))
    }

    /// The hash of these parts, one after the other.
    #[allow(deprecated, reason = "see above")]
    pub fn hash(self, parts: &[&[u8]]) -> u64 {
        let Self([low, high]) = self;
        let mut hasher = SipHasher::new_with_keys(low, high);
        parts.iter().for_each(|part| hasher.write(part));
        hasher.finish()
    }
}
