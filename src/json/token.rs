//! What the scanner reports, and the key type that its caller defines.

use super::bounded_text::BoundedText;

/// A value, or the beginning of one, at a path.
#[derive(Clone, Copy, Debug)]
pub enum Token<'a> {
    /// An object begins.
    Object,
    /// The literal `true`, reported at its first byte.
    True,
    /// The literal `false`, reported at its first byte.
    False,
    /// A string without its escapes.
    String(BoundedText<'a>),
    /// A piece of the string of a [text key](PathKey::is_text), without its escapes and not
    /// empty. How a string is divided depends on its escapes and on the pieces of the input.
    Text(&'a [u8]),
    /// A number, rounded to a whole one; `None` if it is negative or exceeds 2^64 - 1.
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

    /// Whether a string at this key is reported as a whole, in pieces of any number, instead
    /// of its first bytes.
    fn is_text(self) -> bool {
        false
    }
}
