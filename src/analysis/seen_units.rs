//! Which units have been seen, in bounded memory.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What was seen of each unit. Above its bound it keeps the units with the lowest
/// hashes, and knows no others from then on: which units are lost depends on which there
/// are, and not on the version that they have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenUnits {
    units: BTreeMap<u64, u64>,
    /// Units from this hash on are not kept.
    end: Option<u64>,
}

// === impl Seen ===

impl SeenUnits {
    /// Notes `marks` of a unit: those of them that are new. `None` where the unit is
    /// beyond what is kept, so that it must not count.
    pub fn mark(&mut self, unit: u64, marks: u64, most: usize) -> Option<u64> {
        if self.end.is_some_and(|end| unit >= end) {
            return None;
        }
        let had = self.units.entry(unit).or_default();
        let new = marks & !*had;
        *had |= marks;
        while self.units.len() > most {
            self.end = self.units.pop_last().map(|(unit, _)| unit);
        }
        self.end.is_none_or(|end| unit < end).then_some(new)
    }

    /// How many units are known.
    pub fn len(&self) -> usize {
        self.units.len()
    }

    /// Whether no unit is known.
    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
    }
}
