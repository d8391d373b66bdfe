//! Blocks: values of both versions, collected until they can be compared.

use serde::{Deserialize, Serialize};

use super::by_version::ByVersion;
use super::censored_value::CensoredValue;
use crate::assignment::Version;

/// The values of one block.
///
/// Counts alone decide when a block is closed. A rule that looked at the values could select
/// the blocks that favour a bet, and the e-process would not be valid.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Block(ByVersion<Vec<CensoredValue>>);

/// A block with at least this many values of each version is closed before the tick ends.
const BLOCK_SIZE: usize = 4;

/// At most this many of green's values wait for a value of blue's.
const MAX_PENDING: usize = 64;

// === impl Block ===

impl Block {
    /// Adds a value. Returns the values of the block, and empties it, if that makes it full.
    pub fn add(
        &mut self,
        version: Version,
        value: CensoredValue,
    ) -> Option<ByVersion<Vec<CensoredValue>>> {
        self.0.get_mut(version).push(value);
        let is_full = self.0.green.len() >= BLOCK_SIZE && self.0.blue.len() >= BLOCK_SIZE;
        is_full.then(|| std::mem::take(&mut self.0))
    }

    /// Ends a tick. Returns the values of the block, and empties it, if it has a value of
    /// green's and at least `min_blue` of blue's.
    ///
    /// Otherwise green's values wait for the next tick. Blue's values without any of green's
    /// are dropped: there are always more of them.
    pub fn end_tick(&mut self, min_blue: usize) -> Option<ByVersion<Vec<CensoredValue>>> {
        if self.0.green.is_empty() {
            self.0.blue.clear();
            return None;
        }
        self.0.green.truncate(MAX_PENDING);
        (self.0.blue.len() >= min_blue).then(|| std::mem::take(&mut self.0))
    }

    /// Adds the values that wait in another block.
    pub fn merge(&mut self, other: &Self) {
        self.0.green.extend(&other.0.green);
        self.0.blue.extend(&other.0.blue);
    }
}
