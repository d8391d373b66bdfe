//! Bytes as text. Source: RFC 4648, section 4, with padding.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The text for bytes.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - group.len()));
        for index in 0..4 {
            let value = (bits >> (18 - 6 * index) & 0x3f) as usize;
            let is_padding = index > group.len();
            let character = ALPHABET.get(value).filter(|_| !is_padding).copied();
            text.push(char::from(character.unwrap_or(b'=')));
        }
    }
    text
}

/// The bytes of a text. `None` for a text that [`encode`] does not return.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.as_bytes();
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let count = text.len() / 4;
    for (index, group) in text.chunks(4).enumerate() {
        let padding = group.iter().rev().take_while(|it| **it == b'=').count();
        if group.len() != 4 || padding > 2 || (padding > 0 && index + 1 < count) {
            return None;
        }
        let mut bits = 0_u32;
        for character in group.iter().take(4 - padding) {
            bits = bits << 6 | u32::from(value(*character)?);
        }
        bits <<= 6 * padding;
        let [_, decoded @ ..] = bits.to_be_bytes();
        let (decoded, left) = decoded.split_at_checked(3 - padding)?;
        if left.iter().any(|it| *it != 0) {
            return None;
        }
        bytes.extend_from_slice(decoded);
    }
    Some(bytes)
}

fn value(character: u8) -> Option<u8> {
    match character {
        b'A'..=b'Z' => Some(character - b'A'),
        b'a'..=b'z' => Some(character - b'a' + 26),
        b'0'..=b'9' => Some(character - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}
