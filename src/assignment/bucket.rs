//! Hashing of units, and green's share of all hashes.
//!
//! This is `fractional` version 2 of OpenFeature's flagd, with green as the first variant:
//! `bucket = (u64(murmur3_x86_32(key, 0)) × total) >> 32`, and a unit is on green if
//! `bucket < green`. An application that evaluates a flagd flag with the rollout's name as flag
//! key and the unit as targeting key therefore gets the same version as this filter.
//!
//! Because `green` is an integer, `⌊h × total / 2³²⌋ < green` is equivalent to
//! `h / 2³² < green / total`. A unit's position `h / 2³²` is fixed, so a growing share only adds
//! units, even if the total changes.
//!
//! Source: flagd's specification of custom operations, "fractional", and its
//! testbed 3.9.0, `evaluator/gherkin/fractional.feature`.

use std::io::{self, Read};

use serde::{Deserialize, Serialize};

/// The largest sum of both weights that flagd's formula allows: 2³¹ − 1.
pub const MAX_TOTAL_WEIGHT: u32 = i32::MAX as u32;

/// All units, in basis points.
pub const ALL_BP: u64 = 10_000;

/// The hash that assigns `unit` to a version: MurmurHash3 x86 32-bit with seed 0, of the
/// rollout's name and the unit without a separator.
///
/// ```
/// // A test vector of flagd's testbed: flag `fractional-flag`, targeting key `jack`.
/// assert_eq!(verdigris::assignment::bucket_hash("fractional-flag", b"jack"), 0x9fe8_43e0);
/// ```
pub fn bucket_hash(rollout: &str, unit: &[u8]) -> u32 {
    let mut key = Key { start: rollout.as_bytes(), end: unit };
    // Reading from memory cannot fail, although `Read` returns a `Result`.
    murmur3::murmur3_32(&mut key, 0).unwrap_or_default()
}

/// The bytes of two slices, one after the other, in pieces of four bytes or one.
///
/// The readers of the standard library copy pieces of any length. For such a copy V8 calls the host, and
/// that takes longer than the hash of a piece.
struct Key<'a> {
    start: &'a [u8],
    end: &'a [u8],
}

impl Read for Key<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.start.is_empty() {
            self.start = std::mem::take(&mut self.end);
        }
        if let (Some((bytes, rest)), Some(place)) =
            (self.start.split_first_chunk::<4>(), buffer.first_chunk_mut())
        {
            *place = *bytes;
            self.start = rest;
            return Ok(bytes.len());
        }
        let (Some((byte, rest)), Some(place)) = (self.start.split_first(), buffer.first_mut())
        else {
            return Ok(0);
        };
        *place = *byte;
        self.start = rest;
        Ok(1)
    }
}

/// A second hash of `unit`: the upper 64 bits of MurmurHash3 x64 128-bit with seed 0, of the
/// rollout's name and the unit without a separator.
///
/// It is independent of [`bucket_hash`], so that a sample selected by it does not depend on the
/// version. Every process computes the same one. The analysis does not use it, because clients
/// could choose units by it: see [`UnitKey`](super::UnitKey).
pub fn sampling_hash(rollout: &str, unit: &[u8]) -> u64 {
    let hash = murmur3::murmur3_x64_128(&mut rollout.as_bytes().chain(unit), 0);
    (hash.unwrap_or_default() >> 64) as u64
}

/// Green's share of all units, kept as the two weights that the operator wrote.
///
/// At least one weight is positive, and their sum is at most [`MAX_TOTAL_WEIGHT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "(u32, u32)", into = "(u32, u32)")]
pub struct Share {
    green: u32,
    total: u32,
}

// === impl Share ===

impl Share {
    /// All units on blue.
    pub const ZERO: Self = Self { green: 0, total: 1 };

    /// All units on green.
    pub const ALL: Self = Self { green: 1, total: 1 };

    /// Creates a share from two weights. `None` if both are zero or their sum exceeds
    /// [`MAX_TOTAL_WEIGHT`].
    pub fn new(blue: u64, green: u64) -> Option<Self> {
        let total = u32::try_from(blue.checked_add(green)?).ok()?;
        let green = u32::try_from(green).ok()?;
        (1..=MAX_TOTAL_WEIGHT).contains(&total).then_some(Self { green, total })
    }

    /// The share with so many basis points. `None` above 10,000.
    pub fn from_basis_points(green_bp: u64) -> Option<Self> {
        match ALL_BP.checked_sub(green_bp)? {
            // Equal to any other share of all units.
            0 => Some(Self::ALL),
            blue_bp => Self::new(blue_bp, green_bp),
        }
    }

    /// Whether all units are on blue.
    pub fn is_zero(self) -> bool {
        self.green == 0
    }

    /// Whether the unit with this hash is on green. The result is exact: never if green's weight
    /// is 0, always if blue's weight is 0.
    pub fn contains(self, hash: u32) -> bool {
        let bucket = (u64::from(hash) * u64::from(self.total)) >> 32;
        bucket < u64::from(self.green)
    }

    /// Green's share as a fraction from 0 to 1, for display. Use [`Self::contains`] to assign
    /// units.
    pub fn fraction(self) -> f64 {
        f64::from(self.green) / f64::from(self.total)
    }

    /// Green's share in basis points, from 0 to 10,000, rounded half up.
    pub fn basis_points(self) -> u32 {
        let (green, total) = (u64::from(self.green), u64::from(self.total));
        let rounded = (green * 20_000 + total) / (total * 2);
        u32::try_from(rounded).unwrap_or(10_000)
    }
}

impl From<Share> for (u32, u32) {
    fn from(share: Share) -> Self {
        (share.total - share.green, share.green)
    }
}

impl TryFrom<(u32, u32)> for Share {
    type Error = &'static str;

    fn try_from((blue, green): (u32, u32)) -> Result<Self, Self::Error> {
        Self::new(blue.into(), green.into())
            .ok_or("the weights are both zero, or their sum is too large")
    }
}
