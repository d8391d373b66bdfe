//! A unit's place on the line of all hashes, and the part of it that is green.
//!
//! This is `fractional` version 2 of OpenFeature's flagd, with green as the first
//! variant: `bucket = (u64(murmur3_x86_32(key, 0)) × total) >> 32`, green where
//! `bucket < green`. An application that asks flagd about a flag named like the
//! rollout, with targeting key the unit, gets the answer the edge gave.
//!
//! As `green` is whole, `⌊h × total / 2³²⌋ < green` says the same as
//! `h / 2³² < green / total`: a unit's place `h / 2³²` never moves, so a growing
//! share only ever adds units, whatever the totals are.
//!
//! Source: flagd's specification of custom operations, "fractional", and its
//! testbed 3.9.0, `evaluator/gherkin/fractional.feature`.

use std::io::Read as _;

use serde::{Deserialize, Serialize};

/// The largest `blue + green` that flagd's formula allows: 2³¹ − 1.
pub const MAX_TOTAL_WEIGHT: u32 = i32::MAX as u32;

/// Where `unit` stands in `rollout`: MurmurHash3 x86 32-bit, seed 0, of the
/// rollout's name followed by the unit, nothing between.
///
/// ```
/// // A golden vector of flagd's testbed: flag `fractional-flag`, key `jack`.
/// assert_eq!(verdigris::assignment::bucket_hash("fractional-flag", b"jack"), 0x9fe8_43e0);
/// ```
pub fn bucket_hash(rollout: &str, unit: &[u8]) -> u32 {
    let rollout = rollout.as_bytes();
    // Most keys are short, and in one piece they are hashed three times as fast.
    let mut room = [0; 128];
    let length = rollout.len() + unit.len();
    let hash = match room.get_mut(..length).and_then(|key| key.split_at_mut_checked(rollout.len()))
    {
        Some((start, end)) => {
            start.copy_from_slice(rollout);
            end.copy_from_slice(unit);
            murmur3::murmur3_32(&mut room.get(..length).unwrap_or_default(), 0)
        }
        None => murmur3::murmur3_32(&mut rollout.chain(unit), 0),
    };
    // Reading memory cannot fail; the type of `Read` only cannot say so.
    hash.unwrap_or_default()
}

/// The hash by which the judge knows `unit`. It has nothing to do with
/// [`bucket_hash`], so that what it decides does not depend on the version: the upper
/// half of MurmurHash3 x64 128-bit, seed 0, of the rollout's name followed by the unit.
pub fn analysis_hash(rollout: &str, unit: &[u8]) -> u64 {
    let hash = murmur3::murmur3_x64_128(&mut rollout.as_bytes().chain(unit), 0);
    (hash.unwrap_or_default() >> 64) as u64
}

/// Green's part of all units, as the two weights that the operator wrote.
///
/// Valid by construction: at least one weight is positive and their sum is at
/// most [`MAX_TOTAL_WEIGHT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "(u32, u32)", into = "(u32, u32)")]
pub struct Share {
    green: u32,
    total: u32,
}

// === impl Share ===

impl Share {
    /// Everything on blue.
    pub const ZERO: Self = Self { green: 0, total: 1 };

    /// Everything.
    pub const ALL: Self = Self { green: 1, total: 1 };

    /// The share of these weights; `None` where both are zero or their sum is
    /// over [`MAX_TOTAL_WEIGHT`].
    pub fn new(blue: u64, green: u64) -> Option<Self> {
        let total = u32::try_from(blue.checked_add(green)?).ok()?;
        let green = u32::try_from(green).ok()?;
        (1..=MAX_TOTAL_WEIGHT).contains(&total).then_some(Self { green, total })
    }

    /// Whether everything is on blue, whatever the total is.
    pub fn is_zero(self) -> bool {
        self.green == 0
    }

    /// Whether the unit with this hash is green's. Exact at every total: with
    /// green's weight 0 it is never, with blue's weight 0 always.
    pub fn contains(self, hash: u32) -> bool {
        let bucket = (u64::from(hash) * u64::from(self.total)) >> 32;
        bucket < u64::from(self.green)
    }

    /// Green's share as a number from 0 to 1, for people; who is green's, [`Self::contains`]
    /// says.
    pub fn fraction(self) -> f64 {
        f64::from(self.green) / f64::from(self.total)
    }

    /// Green's share in basis points, rounded half up: 10,000 is everything.
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
        Self::new(blue.into(), green.into()).ok_or("no share has these weights")
    }
}
