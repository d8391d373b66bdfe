//! Values of both versions, gathered until they can be compared.

use serde::{Deserialize, Serialize};

use super::by_version::ByVersion;
use crate::assignment::Version;

/// The values of one block. When it is closed is decided by counts alone: a rule that
/// looked at values could choose the blocks that suit a bet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Block(ByVersion<Vec<f64>>);

/// How many values of each version make a block that need not wait for the tick.
const BLOCK_SIZE: usize = 4;

/// How many of green's values wait for one of blue's, at most.
const MAX_PENDING: usize = 64;

// === impl Block ===

impl Block {
    /// Adds a value; a block that is full with it.
    pub fn add(&mut self, version: Version, value: f64) -> Option<ByVersion<Vec<f64>>> {
        self.0.get_mut(version).push(value);
        let is_full = self.0.green.len() >= BLOCK_SIZE && self.0.blue.len() >= BLOCK_SIZE;
        is_full.then(|| std::mem::take(&mut self.0))
    }

    /// The tick is over: the block, if it has a value of green's and `blues` of blue's.
    /// What is left waits, but blue's values without one of green's do not: there are
    /// always more of them.
    pub fn tick(&mut self, blues: usize) -> Option<ByVersion<Vec<f64>>> {
        if self.0.green.is_empty() {
            self.0.blue.clear();
            return None;
        }
        self.0.green.truncate(MAX_PENDING);
        (self.0.blue.len() >= blues).then(|| std::mem::take(&mut self.0))
    }

    /// Takes in what waits elsewhere.
    pub fn merge(&mut self, other: &Self) {
        self.0.green.extend(&other.0.green);
        self.0.blue.extend(&other.0.blue);
    }
}
