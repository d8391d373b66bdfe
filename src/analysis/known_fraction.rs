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
//! outage within a second or two. A unit counts for it [once a minute](super::repeats), so that no unit
//! decides what is corrected.
//!
//! The ratio `b/g` is rounded to one of 25 levels. Bad events are counted by level, so that all state
//! still consists of whole numbers that add up. Each test rounds to the side of its hypothesis. The
//! higher the level, the fewer bad events of green's are expected: for the test of harm it must not be
//! above the ratio, and for the test of non-inferiority not below it.
//!
//! In the test of harm the ratio counts as 1 at most. Green's fraction is what green makes of it: a slow
//! green makes clients abort, and its refusals, which come early, are seen all the same. A fraction of
//! green's below 1 only raises the ratio, up to 1, where nothing is corrected. So it cannot hide harm.

use serde::{Deserialize, Serialize};

use super::by_version::ByVersion;
use super::probability::Probability;
use crate::assignment::Version;

/// The levels, as ratios of blue's fraction to green's.
///
/// What is lost by rounding is lost to a good green.
const LEVELS: [f64; LEVEL_COUNT] = [
    0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9,
    0.95, 1.0, 1.05, 1.1, 1.2, 1.4, 1.7, 2.1,
];

/// The index of the level 1, at which nothing is corrected.
const UNCORRECTED: usize = 18;

/// From this ratio on the test of harm corrects nothing.
const FULL_COVERAGE: f64 = 0.95;

/// Up to this ratio the fractions count as equal in the test of non-inferiority. Where they are equal and
/// near 1, the ratio of their averages is above 1 half of the time, by some hundredths. Rounding all of that
/// up would cost each good green evidence; a true ratio of 1.03 is a small part of any tolerance.
const EQUAL: f64 = 1.03;

/// The number of levels.
const LEVEL_COUNT: usize = 25;

/// The number of responses over which a version's fraction is averaged.
const AVERAGE_OVER: f64 = 32.0;

/// Counts of events, by the coverage level at which they were seen. Most are 0, and are not stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(u8, ByVersion<u64>)>", into = "Vec<(u8, ByVersion<u64>)>")]
pub struct CountsByCoverage([ByVersion<u64>; LEVEL_COUNT]);

/// The fraction of each version's recent responses for which a rate is known.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnownFraction(ByVersion<f64>);

/// The level of the ratio of blue's known fraction to green's, as an index of [`LEVELS`].
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

    /// The level for the test of harm: the largest one that is not above the ratio, and at most 1.
    /// `None` where blue's fraction is too small to compare anything.
    pub fn level_for_harm(&self) -> Option<CoverageLevel> {
        let ratio = self.ratio()?;
        if ratio >= FULL_COVERAGE {
            return Some(CoverageLevel(UNCORRECTED));
        }
        LEVELS.iter().rposition(|level| *level <= ratio).map(CoverageLevel)
    }

    /// The level for the test of non-inferiority: the smallest one that is not below the ratio, which counts
    /// as 1 up to [`EQUAL`]. `None` where blue's fraction is too small, or green's is too small beside it.
    pub fn level_for_non_inferiority(&self) -> Option<CoverageLevel> {
        let ratio = self.ratio()?;
        let ratio = if ratio <= EQUAL { ratio.min(1.0) } else { ratio };
        LEVELS.iter().position(|level| *level >= ratio).map(CoverageLevel)
    }

    /// The ratio of blue's fraction to green's; `None` where blue's is below the lowest level.
    fn ratio(&self) -> Option<f64> {
        let Self(ByVersion { blue, green }) = self;
        let lowest = LEVELS.first()?;
        (blue >= lowest).then(|| blue / green.max(f64::MIN_POSITIVE))
    }
}

// === impl CoverageLevel ===

impl CoverageLevel {
    /// The ratio of blue's known fraction to green's that the level stands for.
    pub fn ratio(self) -> f64 {
        LEVELS.get(self.0).copied().unwrap_or(1.0)
    }
}

// === impl CountsByCoverage ===

impl From<CountsByCoverage> for Vec<(u8, ByVersion<u64>)> {
    fn from(counts: CountsByCoverage) -> Self {
        let levels = (0..).zip(counts.0);
        levels.filter(|(_, counts)| counts.blue + counts.green > 0).collect()
    }
}

impl From<Vec<(u8, ByVersion<u64>)>> for CountsByCoverage {
    fn from(stored: Vec<(u8, ByVersion<u64>)>) -> Self {
        let mut counts = Self::default();
        for (level, count) in stored {
            if let Some(found) = counts.0.get_mut(usize::from(level)) {
                *found = count;
            }
        }
        counts
    }
}

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
            self.0.iter().enumerate().filter(|(_, counts)| counts.blue + counts.green > 0);
        let probability = move |level: usize| match level {
            // The probability is kept to the last bit.
            UNCORRECTED => Some(green),
            _ => green.with_blue_scaled(CoverageLevel(level).ratio()),
        };
        present.filter_map(move |(level, counts)| Some((probability(level)?, *counts)))
    }

    /// Adds counts from elsewhere.
    pub fn merge(&mut self, other: &Self) {
        for (to, from) in self.0.iter_mut().zip(&other.0) {
            *to += *from;
        }
    }
}
