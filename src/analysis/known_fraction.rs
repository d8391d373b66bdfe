//! Of which part of a version's responses a rate is known, lately.
//!
//! A rate of what an answer tells, such as refusals, is one of the responses that succeeded.
//! Where blue fails more often than green, it has fewer of these, and fewer refusals, than the
//! weights say, and green would look worse for answering. So the chance that a response of
//! which the rate is known is green's is not `r` but `r·g / (r·g + (1−r)·b)`, with the parts
//! `b` and `g` of which it is known. What a part has to do with is whether a response failed,
//! and not whether it was refused, so that it may be estimated from the same traffic.
//!
//! The estimate is an exponential average over 32 responses of a version, so that it
//! follows an outage within a second or two. It is kept in a few levels: what was bad is then
//! counted by level, and all state is still whole numbers that add up.

use serde::{Deserialize, Serialize};

use super::by_version::ByVersion;
use super::probability::Probability;
use crate::assignment::Version;

/// Blue's part in terms of green's, level by level; each is the least of its level, but for
/// the first, from [`FULL_COVERAGE`] on.
const LEVELS: [f64; LEVEL_COUNT] = [1.0, 0.9, 0.8, 0.65, 0.5, 0.35, 0.2, 0.1];

/// From which part on there is nothing to be corrected.
const FULL_COVERAGE: f64 = 0.95;

/// How many levels there are.
const LEVEL_COUNT: usize = 8;

/// Over how many responses of a version its part is averaged.
const AVERAGE_OVER: f64 = 32.0;

/// Counts by level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountsByCoverage([ByVersion<u64>; LEVEL_COUNT]);

/// The parts of which a rate is known.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnownFraction(ByVersion<f64>);

/// A level, if blue's part is large enough to compare anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoverageLevel(usize);

// === impl Exposure ===

impl Default for KnownFraction {
    fn default() -> Self {
        Self(ByVersion { blue: 1.0, green: 1.0 })
    }
}

impl KnownFraction {
    /// Notes whether the rate is known of a response.
    pub fn record(&mut self, version: Version, is_known: bool) {
        let part = self.0.get_mut(version);
        *part += (f64::from(u8::from(is_known)) - *part) / AVERAGE_OVER;
    }

    /// The level by which to ask whether green is worse. Green's part is taken for whole, which
    /// can only speak for green.
    pub fn for_harm(&self) -> Option<CoverageLevel> {
        CoverageLevel::from_ratio(self.0.blue)
    }

    /// The level by which to ask whether green is safe.
    pub fn for_safety(&self) -> Option<CoverageLevel> {
        CoverageLevel::from_ratio(self.0.blue / self.0.green.max(f64::MIN_POSITIVE))
    }
}

// === impl Level ===

impl CoverageLevel {
    fn from_ratio(ratio: f64) -> Option<Self> {
        if ratio >= FULL_COVERAGE {
            return Some(Self(0));
        }
        LEVELS.iter().skip(1).position(|least| ratio >= *least).map(|at| Self(at + 1))
    }
}

// === impl ByLevel ===

impl CountsByCoverage {
    /// Adds one of a version's.
    pub fn add(&mut self, level: CoverageLevel, version: Version, count: u64) {
        if let Some(counts) = self.0.get_mut(level.0) {
            *counts.get_mut(version) += count;
        }
    }

    /// Of all levels.
    pub fn total(&self) -> ByVersion<u64> {
        self.0.iter().fold(ByVersion::default(), |sum, counts| sum + *counts)
    }

    /// Those counts that are not 0, each with the chance of green at its level, where `green`
    /// is its chance if the parts are equal.
    pub fn by_probability(
        &self,
        green: Probability,
    ) -> impl Iterator<Item = (Probability, ByVersion<u64>)> {
        let known = self.0.iter().zip(LEVELS).filter(|(counts, _)| counts.blue + counts.green > 0);
        // At the first level nothing is corrected, to the last bit.
        let chance =
            move |part: f64| if part < 1.0 { green.with_blue_scaled(part) } else { Some(green) };
        known.filter_map(move |(counts, part)| Some((chance(part)?, *counts)))
    }

    /// Takes in what was counted elsewhere.
    pub fn merge(&mut self, other: &Self) {
        for (to, from) in self.0.iter_mut().zip(&other.0) {
            *to += *from;
        }
    }
}
