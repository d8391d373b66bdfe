//! A whole header map as the host hands it over.
//!
//! All numbers are 32 bits, little-endian: how many pairs; of each pair the lengths
//! of name and value; of each pair name and value, each followed by a zero byte.
//! Source: the proxy-wasm specification, `abi-versions/v0.2.1`, "Serialization".

use proxy_wasm::types::Bytes;

/// The headers of a message, in their order.
pub struct HeaderMap(Bytes);

// === impl Pairs ===

impl HeaderMap {
    pub fn new(serialized: Bytes) -> Self {
        Self(serialized)
    }

    /// Each name, in lower case, with its value. Where the host's bytes are not what
    /// they should be, the rest of the headers is missing.
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

/// Pairs as the host reads them.
///
/// Source: the proxy-wasm specification, ABI 0.2.1, "Serialization".
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
