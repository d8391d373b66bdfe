//! Base64 that arrives in pieces of any size. Source: RFC 4648, section 4.

/// The state between two pieces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Base64Decoder {
    /// The bits that make no byte yet.
    bits: u32,
    bit_count: u8,
}

// === impl Base64Decoder ===

impl Base64Decoder {
    /// Decodes the next piece, and gives `sink` the bytes, in pieces. Characters that do not
    /// belong to the alphabet, such as the padding, are skipped.
    pub fn feed(&mut self, text: &[u8], sink: &mut impl FnMut(&[u8])) {
        let mut buffer = [0; 96];
        for part in text.chunks(128) {
            let mut length = 0;
            for &character in part {
                let Some(bits) = value(character) else { continue };
                self.bits = self.bits << 6 | u32::from(bits);
                self.bit_count += 6;
                if self.bit_count >= 8 {
                    self.bit_count -= 8;
                    if let Some(byte) = buffer.get_mut(length) {
                        *byte = (self.bits >> self.bit_count & 0xff) as u8;
                        length += 1;
                    }
                }
            }
            if let Some(bytes) = buffer.get(..length).filter(|bytes| !bytes.is_empty()) {
                sink(bytes);
            }
        }
    }
}

fn value(character: u8) -> Option<u8> {
    match character {
        b'A'..=b'Z' => Some(character - b'A'),
        b'a'..=b'z' => Some(character - b'a' + 26),
        b'0'..=b'9' => Some(character - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}
