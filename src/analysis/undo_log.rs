//! What has changed in a map of units since a moment, so that the changes can be undone.

use std::collections::BTreeMap;

/// The former value of each change to a map of units, in order. It takes as much memory as there were
/// changes, and not as the map has units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UndoLog<V>(Vec<(u64, Option<V>)>);

// === impl UndoLog ===

impl<V> UndoLog<V> {
    /// Notes a unit before it is changed, with its value; `None` where it is not in the map.
    pub(super) fn note(&mut self, unit: u64, before: Option<V>) {
        self.0.push((unit, before));
    }

    /// Undoes the changes.
    pub(super) fn undo(self, values: &mut BTreeMap<u64, V>) {
        for (unit, before) in self.0.into_iter().rev() {
            match before {
                Some(value) => values.insert(unit, value),
                None => values.remove(&unit),
            };
        }
    }
}

impl<V> Default for UndoLog<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}
