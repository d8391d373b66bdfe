//! The fraction of a version's recent responses for which a rate is known.
//!
//! A rate that only an answer reveals, such as refusals, is a rate of the responses that
//! succeeded. Where blue fails more often than green, blue has fewer of these responses, and
//! fewer refusals, than the weights say, and green would look worse for answering. So a response
//! for which the rate is known is green's not with probability `r` but with
//! `r·g / (r·g + (1−r)·b)`, where `b` and `g` are the fractions for which it is known. The
//! fraction depends on whether a response failed, and not on whether it was refused, so the
//! same traffic may serve to estimate it.
//!
//! The estimate is an exponential average over 32 responses of a version, so it follows an
//! outage within a second or two. It is rounded down to a few levels. Bad events are counted by
//! level, so that all state still consists of whole numbers that add up.

use serde::{Deserialize, Serialize};

use super::by_version::ByVersion;
use super::probability::Probability;
use crate::assignment::Version;

/// The lower bound of each level, as the ratio of blue's fraction to green's. The first level
/// begins at [`FULL_COVERAGE`] instead.
const LEVELS: [f64; LEVEL_COUNT] = [1.0, 0.9, 0.8, 0.65, 0.5, 0.35, 0.2, 0.1];

/// From this ratio on nothing is corrected.
const FULL_COVERAGE: f64 = 0.95;

/// The number of levels.
const LEVEL_COUNT: usize = 8;

/// The number of responses over which a version's fraction is averaged.
const AVERAGE_OVER: f64 = 32.0;

/// Counts of events, by the coverage level at which they were seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountsByCoverage([ByVersion<u64>; LEVEL_COUNT]);

/// The fraction of each version's recent responses for which a rate is known.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnownFraction(ByVersion<f64>);

/// The level of the ratio of blue's known fraction to green's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoverageLevel(usize);

// === impl KnownFraction ===

impl Default for KnownFraction {
    fn default() -> Self {
        Self(ByVersion { blue: 1.0, green: 1.0 })
    }
}

impl KnownFraction {
    /// Records whether the rate is known for a response.
    pub fn record(&mut self, version: Version, is_known: bool) {
        let fraction = self.0.get_mut(version);
        *fraction += (f64::from(u8::from(is_known)) - *fraction) / AVERAGE_OVER;
    }

    /// The level for the test of harm. `None` where blue's fraction is too small to compare
    /// anything. Green's fraction counts as 1, which can only favour green.
    pub fn level_for_harm(&self) -> Option<CoverageLevel> {
        CoverageLevel::from_ratio(self.0.blue)
    }

    /// The level for the test of non-inferiority. `None` where blue's fraction is too small.
    pub fn level_for_non_inferiority(&self) -> Option<CoverageLevel> {
        CoverageLevel::from_ratio(self.0.blue / self.0.green.max(f64::MIN_POSITIVE))
    }
}

// === impl CoverageLevel ===

impl CoverageLevel {
    fn from_ratio(ratio: f64) -> Option<Self> {
        if ratio >= FULL_COVERAGE {
            return Some(Self(0));
        }
        LEVELS.iter().skip(1).position(|bound| ratio >= *bound).map(|index| Self(index + 1))
    }
}

// === impl CountsByCoverage ===

impl CountsByCoverage {
    /// Adds `count` events of a version.
    pub fn add(&mut self, level: CoverageLevel, version: Version, count: u64) {
        if let Some(counts) = self.0.get_mut(level.0) {
            *counts.get_mut(version) += count;
        }
    }

    /// The counts over all levels.
    pub fn total(&self) -> ByVersion<u64> {
        self.0.iter().fold(ByVersion::default(), |sum, counts| sum + *counts)
    }

    /// The counts that are not 0, each with the probability that such an event is green's.
    /// `green` is that probability where both fractions are equal.
    pub fn by_probability(
        &self,
        green: Probability,
    ) -> impl Iterator<Item = (Probability, ByVersion<u64>)> {
        let present =
            self.0.iter().zip(LEVELS).filter(|(counts, _)| counts.blue + counts.green > 0);
        // The first level keeps the probability to the last bit.
        let probability =
            move |ratio: f64| if ratio < 1.0 { green.with_blue_scaled(ratio) } else { Some(green) };
        present.filter_map(move |(counts, ratio)| Some((probability(ratio)?, *counts)))
    }

    /// Adds counts from elsewhere.
    pub fn merge(&mut self, other: &Self) {
        for (to, from) in self.0.iter_mut().zip(&other.0) {
            *to += *from;
        }
    }
}
