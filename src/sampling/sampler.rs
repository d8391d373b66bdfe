//! Which requests are sampled.
//!
//! A request is sampled by a hash of the rollout and the request's id, so that the choice does not
//! depend on the version, on the user or on the worker, and both halves of a mirrored pair are chosen
//! alike. The version with more requests is sampled less, so that equal numbers of both are.

use std::num::NonZeroU32;

use crate::assignment::{Share, Version, sampling_hash};

/// Which requests are sampled, and how much of them is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampler {
    /// The largest share of a version's requests that is sampled, from 0 to 1.
    pub share: f64,
    /// How many of blue's requests are sampled for each one of green's.
    pub blue_per_green: NonZeroU32,
    /// How many bytes of a prompt, and how many of an answer, are kept at most.
    pub max_bytes: usize,
}

/// The shares of all requests that are compared, each from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ComparedShares {
    /// Blue's.
    pub blue: f64,
    /// Green's.
    pub green: f64,
}

// === impl ComparedShares ===

impl ComparedShares {
    /// The shares where green has `green` of all requests, and `analysed` of all are compared.
    pub fn new(green: Share, analysed: Share) -> Self {
        let green = green.fraction();
        Self { blue: (analysed.fraction() - green).max(0.0), green }
    }
}

// === impl Sampler ===

impl Sampler {
    /// The place of a request in the order in which requests are sampled, from 0 to 1: the share of all
    /// requests that come before it.
    pub fn place(rollout: &str, request_id: &[u8]) -> f64 {
        const HASHES: f64 = 18_446_744_073_709_551_616.0;
        sampling_hash(rollout, request_id) as f64 / HASHES
    }

    /// Whether the request at `place` may be sampled, whatever its version.
    pub fn may_sample(&self, place: f64) -> bool {
        place < self.share
    }

    /// Whether the request of `version` at `place` is sampled. Without requests of the other version
    /// there is nothing to compare, and nothing is sampled.
    pub fn samples(&self, place: f64, version: Version, shares: ComparedShares) -> bool {
        place < self.rate(version, shares)
    }

    /// The share of the requests of `version` that is sampled.
    pub fn rate(&self, version: Version, ComparedShares { blue, green }: ComparedShares) -> f64 {
        if blue <= 0.0 || green <= 0.0 {
            return 0.0;
        }
        // With these rates, `blue` requests have `ratio` times the samples of `green` requests.
        let ratio = f64::from(self.blue_per_green.get());
        let scale = (green * ratio / blue).max(1.0);
        match version {
            Version::Green => self.share / scale,
            Version::Blue => self.share / scale * green * ratio / blue,
        }
    }
}
