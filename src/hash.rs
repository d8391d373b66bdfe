//! Hashes of bytes: MurmurHash3 in its 128-bit variant for 64-bit processors.
//!
//! It has no key: a client that chooses the bytes chooses the hash. Users are assigned and analysed by the hashes
//! of [`assignment`](crate::assignment).

/// The hash of bytes in memory.
pub(crate) fn hash_128(mut bytes: &[u8], seed: u32) -> u128 {
    // Reading from memory cannot fail.
    murmur3::murmur3_x64_128(&mut bytes, seed).unwrap_or_default()
}

/// The upper half of [`hash_128`] with seed 0.
pub(crate) fn hash_64(bytes: &[u8]) -> u64 {
    (hash_128(bytes, 0) >> 64) as u64
}
