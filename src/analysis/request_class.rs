//! What a request reveals before it is answered.

use serde::{Deserialize, Serialize};

/// A class of requests that are likely to be answered alike.
///
/// It is a function of the request's headers as the client sent them, so it is known before the
/// answer and does not depend on the version. Requests of different kinds may share a class; the
/// adjustment is then less sharp, and as valid.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct RequestClass(u8);

/// The bits of a class for the path and the accepted type.
const KIND_BITS: u32 = 4;

/// Bodies below this number of bytes are alike: `2^SMALLEST_BITS`.
const SMALLEST_BITS: u32 = 7;

/// The number of classes of sizes that are known.
const SIZES: u32 = 15;

// === impl RequestClass ===

impl RequestClass {
    /// The class with this number.
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// Its number.
    pub const fn get(self) -> u8 {
        self.0
    }

    /// The class of a request with these headers, whose names are in lower case: by the size of its
    /// body, an octave each from 128 bytes to 1 MiB, and by its path without the query and whether it
    /// accepts a stream, which providers with the model in the path make the model.
    pub fn from_headers<'a>(headers: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Self {
        let (mut length, mut path, mut accepts_stream) = (None, None, false);
        for (name, value) in headers {
            match name {
                b":path" => path = path.or(Some(value)),
                b"content-length" => length = length.or(parse(value)),
                b"accept" => accepts_stream |= value.starts_with(b"text/event-stream"),
                _ => {}
            }
        }
        let path = path.and_then(|it| it.split(|byte| *byte == b'?').next()).unwrap_or_default();
        // Reading from memory cannot fail.
        let hash = murmur3::murmur3_32(&mut &*path, u32::from(accepts_stream)).unwrap_or_default();
        let kind = hash >> (u32::BITS - KIND_BITS);
        let size = length.map_or(0, size_class) << KIND_BITS;
        Self((size | kind) as u8)
    }
}

fn parse(length: &[u8]) -> Option<u64> {
    str::from_utf8(length).ok()?.parse().ok()
}

/// The class of a size in bytes, from 1 to [`SIZES`].
fn size_class(length: u64) -> u32 {
    let bits = u64::BITS - length.leading_zeros();
    bits.saturating_sub(SMALLEST_BITS).clamp(1, SIZES)
}
