//! The CRC-32 of gzip.

/// A checksum of the bytes so far.
///
/// It takes four bits at a time: a table for eight would add a kilobyte to the `.wasm`.
/// Source: ISO 3309; RFC 1952, section 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Crc32(u32);

// === impl Crc32 ===

impl Crc32 {
    /// The checksum of no bytes.
    pub const EMPTY: Self = Self(!0);
    const TABLE: [u32; 16] = Self::table();

    const fn table() -> [u32; 16] {
        let mut table = [0; 16];
        let mut rest: &mut [u32] = &mut table;
        let mut index = 0;
        while let [entry, after @ ..] = rest {
            let mut value = index;
            let mut bit = 0;
            while bit < 4 {
                value = if value & 1 == 1 { value >> 1 ^ 0xedb8_8320 } else { value >> 1 };
                bit += 1;
            }
            *entry = value;
            index += 1;
            rest = after;
        }
        table
    }

    /// Adds these bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        let push_four_bits = |value: u32| {
            let entry = Self::TABLE.get((value & 15) as usize).copied().unwrap_or_default();
            value >> 4 ^ entry
        };
        for byte in bytes {
            self.0 = push_four_bits(push_four_bits(self.0 ^ u32::from(*byte)));
        }
    }

    /// The checksum.
    pub const fn value(self) -> u32 {
        !self.0
    }
}
