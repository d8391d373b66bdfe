//! All headers of a message in one value.
//!
//! The host serializes them as 32-bit little-endian numbers and texts: the number of headers; the lengths
//! of each name and value; each name and value, followed by a zero byte.
//!
//! Source: the proxy-wasm specification, `abi-versions/v0.2.1`, "Serialization".

use proxy_wasm::types::Bytes;

/// The headers of a message, in their order.
pub struct HeaderMap(Bytes);

// === impl HeaderMap ===

impl HeaderMap {
    /// The headers that the host has serialized.
    pub fn new(serialized: Bytes) -> Self {
        Self(serialized)
    }

    /// Each name, in lower case, with its value. If the host's bytes are malformed, the rest of the
    /// headers is missing.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let (count, rest) = take_number(&self.0).unwrap_or_default();
        let (mut lengths, mut texts) =
            count.checked_mul(8).and_then(|size| rest.split_at_checked(size)).unwrap_or_default();
        std::iter::from_fn(move || {
            let (name, rest) = take_number(lengths)?;
            let (value, rest) = take_number(rest)?;
            lengths = rest;
            Some((take_text(&mut texts, name)?, take_text(&mut texts, value)?))
        })
    }
}

fn take_number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((usize::try_from(u32::from_le_bytes(*number)).ok()?, rest))
}

fn take_text<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest.get(1..)?;
    Some(text)
}

/// Serializes headers for the host.
pub fn serialize(pairs: &[(&str, &str)]) -> Vec<u8> {
    let length = |text: &str| u32::try_from(text.len()).unwrap_or_default().to_le_bytes();
    let mut bytes = u32::try_from(pairs.len()).unwrap_or_default().to_le_bytes().to_vec();
    for (name, value) in pairs {
        bytes.extend(length(name));
        bytes.extend(length(value));
    }
    for text in pairs.iter().flat_map(|(name, value)| [name, value]) {
        bytes.extend(text.as_bytes());
        bytes.push(0);
    }
    bytes
}
