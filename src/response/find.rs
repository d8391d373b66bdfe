//! The first of two bytes.

/// Where `one` or `other` first stands in `bytes`.
///
/// Eight bytes at a time: a byte of a word is zero after an exclusive or with the byte
/// looked for, and `(word - 0x01…) & !word & 0x80…` has its lowest bit in the lowest
/// zero byte. Source: Warren, *Hacker's Delight*, 2nd edition, section 6-1.
///
/// Strings of an answer are short, and a call of the `memchr` crate, which this takes
/// the place of, cost a third more of all that reading a chunk costs.
#[inline]
pub fn find_either(one: u8, other: u8, bytes: &[u8]) -> Option<usize> {
    const LOWEST: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGHEST: u64 = u64::from_ne_bytes([0x80; 8]);
    let [ones, others] = [one, other].map(|byte| u64::from_ne_bytes([byte; 8]));
    let zeros = |word: u64| word.wrapping_sub(LOWEST) & !word & HIGHEST;
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = zeros(word ^ ones) | zeros(word ^ others);
        if found != 0 {
            return Some(at * 8 + (found.trailing_zeros() / 8) as usize);
        }
    }
    let at = rest.iter().position(|byte| *byte == one || *byte == other)?;
    Some(words.len() * 8 + at)
}
