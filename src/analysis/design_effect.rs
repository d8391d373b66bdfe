//! The design effect: how much less many requests of few users reveal.
//!
//! Where one user's requests fail together, a thousand requests of ten users are not a
//! thousand independent observations. Blue's requests are put into [`GROUPS`] random groups by
//! a hash of the unit. The ratio of the groups' observed variance to the variance that
//! independent requests would have is the factor by which the number of requests overstates
//! the evidence.
//!
//! Source: Kish, *Survey Sampling*, 1965, section 5; the ratio estimator of a cluster
//! sample with random groups as clusters.

use serde::{Deserialize, Serialize};

/// The number of random groups.
pub const GROUPS: usize = 64;

/// Requests and bad requests by random group of units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RandomGroups(Vec<GroupCounts>);

/// What one random group sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct GroupCounts {
    requests: u64,
    bad: u64,
}

/// The random group of the unit with this hash; `None` without groups.
pub(super) fn group_of<T>(groups: &mut [T], unit: u64) -> Option<&mut T> {
    let index = usize::try_from(unit.checked_rem(groups.len() as u64)?).ok()?;
    groups.get_mut(index)
}

// === impl RandomGroups ===

impl Default for RandomGroups {
    fn default() -> Self {
        Self(vec![GroupCounts::default(); GROUPS])
    }
}

impl RandomGroups {
    /// Adds a request of the unit with this hash.
    pub fn add(&mut self, unit: u64, is_bad: bool) {
        if let Some(group) = group_of(&mut self.0, unit) {
            group.requests += 1;
            group.bad += u64::from(is_bad);
        }
    }

    /// Adds the counts of other groups.
    pub fn merge(&mut self, other: &Self) {
        for (to, from) in self.0.iter_mut().zip(&other.0) {
            to.requests += from.requests;
            to.bad += from.bad;
        }
    }

    /// The design effect: `[B/(B−1)] · Σ (Y − R·N)² / (R(1−R)·ΣN)`, with `N` requests and
    /// `Y` bad ones in each of `B` groups and `R = ΣY/ΣN`. At least 1.
    pub fn design_effect(&self) -> f64 {
        let total = |count: fn(&GroupCounts) -> u64| self.0.iter().map(count).sum::<u64>() as f64;
        let (requests, bad) = (total(|group| group.requests), total(|group| group.bad));
        let rate = bad / requests;
        let independent_variance = rate * (1.0 - rate) * requests;
        if independent_variance.is_nan() || independent_variance <= 0.0 {
            return 1.0;
        }
        let squared_deviation = |group: &GroupCounts| {
            let deviation = group.bad as f64 - rate * group.requests as f64;
            deviation * deviation
        };
        let groups = self.0.len() as f64;
        let observed: f64 = self.0.iter().map(squared_deviation).sum();
        (groups / (groups - 1.0) * observed / independent_variance).max(1.0)
    }
}
