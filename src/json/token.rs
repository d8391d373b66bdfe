//! What the scanner reports, and the key type that its caller defines.

use super::bounded_text::BoundedText;

/// A value, or the beginning of one, at a path.
#[derive(Clone, Copy, Debug)]
pub enum Token<'a> {
    /// An object begins.
    Object,
    /// The literal `true`, reported at its first byte.
    True,
    /// A string without its escapes.
    String(BoundedText<'a>),
    /// A number; `None` unless it is a whole number from 0 to 2^64 - 1.
    Number(Option<u64>),
    /// A document ended. Reported at the empty path.
    End,
}

/// An element of a path: an object key that the caller is interested in, or a place in an
/// array.
///
/// The scanner is generic over this type, so that it knows no API. A caller defines an enum
/// of the keys that it reads.
pub trait PathKey: Copy + PartialEq {
    /// Any element of an array.
    const ITEM: Self;

    /// Any object key that the caller does not read. Nothing is reported below it.
    const IGNORED: Self;

    /// The key of this name, or [`IGNORED`](Self::IGNORED). It is called for each object key
    /// of a document, so it must be fast.
    fn from_name(name: &[u8]) -> Self;
}
