//! Is green's rate worse, by the bad responses of units that come again?
//!
//! In the [test of harm](super::rate_ratio) a unit counts once a step, by its first bad response.
//! Here it counts once in each [period](super::period), so that a step of few users goes on to
//! collect evidence. A unit that fails often does so in several periods, so its events are not
//! independent. The logarithm of the bets' wealth is divided by the design effect: the ratio of the
//! variance that the number of events has to that of as many independent events.
//!
//! The events of a version are put into [`GROUPS`] random groups by a hash of the unit. Were they
//! independent, the numbers `Y` of the groups would have a Poisson distribution, whose variance is
//! its mean `M`. So with `B` groups
//!
//! ```text
//! D = Σ (Y − M)² / ((B − 1) · M),  at least 1
//! ```
//!
//! of which the larger one of both versions counts: the events of a few units of green, which fail in
//! each period, are clusters that blue may not have.
//!
//! `D` is estimated, so this e-value is an approximation. Simulation has its error rates
//! (`simulated.md`). The e-value of units' first bad responses is exact, and the test uses the mean of
//! both.
//!
//! Source: Rao and Scott, *A simple method for the analysis of clustered binary data*, Biometrics
//! 1992 (counts divided by their design effect); Kish, *Survey Sampling*, 1965, section 5 (random
//! groups).

use serde::{Deserialize, Serialize};

use super::by_version::ByVersion;
use super::design_effect::{GROUPS, group_of};
use super::known_fraction::{CountsByCoverage, CoverageLevel};
use crate::assignment::Version;

/// The bad responses of one gate's units in one step, of each unit one in a period.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RepeatedEvents {
    counts: CountsByCoverage,
    /// The number of each random group of units; empty until the first event.
    groups: ByVersion<Vec<u64>>,
}

/// `1 + 2·√(2/(B − 1))`: two standard errors of the variance of `B` groups above 1. Green has few events
/// in the first steps, and chance alone seldom makes their dispersion larger than this. Green's events
/// count as clusters only beyond it.
const BY_CHANCE: f64 = 1.356;

// === impl RepeatedEvents ===

impl RepeatedEvents {
    /// Adds the first bad response of a unit in a period.
    pub fn add(&mut self, level: CoverageLevel, version: Version, unit: u64) {
        self.counts.add(level, version, 1);
        let groups = self.groups.get_mut(version);
        groups.resize(GROUPS, 0);
        if let Some(group) = group_of(groups, unit) {
            *group += 1;
        }
    }

    /// The events.
    pub fn counts(&self) -> &CountsByCoverage {
        &self.counts
    }

    /// The design effect.
    pub fn design_effect(&self) -> f64 {
        let green = dispersion(&self.groups.green) / BY_CHANCE;
        dispersion(&self.groups.blue).max(green).max(1.0)
    }

    /// Adds the events of the same gate and step from elsewhere.
    pub fn merge(&mut self, other: &Self) {
        self.counts.merge(&other.counts);
        for version in [Version::Blue, Version::Green] {
            let (to, from) = (self.groups.get_mut(version), other.groups.get(version));
            to.resize(to.len().max(from.len()), 0);
            to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        }
    }
}

/// The ratio of the numbers' variance to their mean; 0 without events.
fn dispersion(groups: &[u64]) -> f64 {
    let events = groups.iter().sum::<u64>() as f64;
    if events <= 0.0 {
        return 0.0;
    }
    let mean = events / groups.len() as f64;
    let squared_deviation = |number: &u64| {
        let deviation = *number as f64 - mean;
        deviation * deviation
    };
    let squares: f64 = groups.iter().map(squared_deviation).sum();
    squares / ((groups.len() as f64 - 1.0) * mean)
}
