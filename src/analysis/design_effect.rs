//! The design effect: by how much less many requests of few users tell.
//!
//! Where one user's requests fail together, a thousand requests of ten users are no
//! thousand observations. Blue's requests are dealt into [`GROUPS`] by a hash of the
//! unit; how much more the buckets' bad requests scatter than those of independent
//! requests would is the factor by which the number of requests overstates.
//!
//! Source: Kish, *Survey Sampling*, 1965, section 5; the ratio estimator of a cluster
//! sample with random groups as clusters.

use serde::{Deserialize, Serialize};

/// How many groups blue's units are dealt into.
pub const GROUPS: usize = 64;

/// Requests and the bad ones among them, by group of units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RandomGroups(Vec<(u64, u64)>);

// === impl Groups ===

impl Default for RandomGroups {
    fn default() -> Self {
        Self(vec![(0, 0); GROUPS])
    }
}

impl RandomGroups {
    /// Notes a request of the unit with this hash.
    pub fn add(&mut self, unit: u64, is_bad: bool) {
        let groups = self.0.len().max(1) as u64;
        let group = usize::try_from(unit % groups).unwrap_or_default();
        if let Some((requests, bad)) = self.0.get_mut(group) {
            *requests += 1;
            *bad += u64::from(is_bad);
        }
    }

    /// Takes in what was noted elsewhere.
    pub fn merge(&mut self, other: &Self) {
        for (to, from) in self.0.iter_mut().zip(&other.0) {
            to.0 += from.0;
            to.1 += from.1;
        }
    }

    /// The design effect: `[B/(B−1)] · Σ (Y − R·N)² / (R(1−R)·ΣN)`, with `N` requests and
    /// `Y` bad ones in each of `B` groups and `R = ΣY/ΣN`. Never below 1.
    pub fn design_effect(&self) -> f64 {
        let total = |of: fn(&(u64, u64)) -> u64| self.0.iter().map(of).sum::<u64>() as f64;
        let (requests, bad) = (total(|group| group.0), total(|group| group.1));
        let rate = bad / requests;
        let variance = rate * (1.0 - rate) * requests;
        if variance.is_nan() || variance <= 0.0 {
            return 1.0;
        }
        let off = |(requests, bad): &(u64, u64)| {
            let off = *bad as f64 - rate * *requests as f64;
            off * off
        };
        let groups = self.0.len() as f64;
        let scatter: f64 = self.0.iter().map(off).sum();
        (groups / (groups - 1.0) * scatter / variance).max(1.0)
    }
}
