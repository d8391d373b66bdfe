//! Search for the first of two bytes.

/// The index of the first `one` or `other` in `bytes`.
///
/// It compares eight bytes at a time: after an exclusive or with the byte that is searched
/// for, a byte of the word is zero where they are equal, and the lowest set bit of
/// `(word - 0x01…) & !word & 0x80…` is in the lowest zero byte. Source: Warren, *Hacker's
/// Delight*, 2nd edition, section 6-1.
///
/// The `memchr` crate is not used because the strings of an answer are short, and a call of
/// `memchr2` costs more than the search. With it the `.wasm` has 300 bytes less and V8 takes
/// 30 % longer for a stream, 80 % longer for a plain answer (memchr 2.8, opt-level 3).
#[inline]
pub fn find_either(one: u8, other: u8, bytes: &[u8]) -> Option<usize> {
    const LOW_BITS: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGH_BITS: u64 = u64::from_ne_bytes([0x80; 8]);
    let [ones, others] = [one, other].map(|byte| u64::from_ne_bytes([byte; 8]));
    let zero_bytes = |word: u64| word.wrapping_sub(LOW_BITS) & !word & HIGH_BITS;
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = zero_bytes(word ^ ones) | zero_bytes(word ^ others);
        if found != 0 {
            return Some(index * 8 + (found.trailing_zeros() / 8) as usize);
        }
    }
    let index = rest.iter().position(|byte| *byte == one || *byte == other)?;
    Some(words.len() * 8 + index)
}
