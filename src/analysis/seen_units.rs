//! Which units have been seen, in bounded memory.

use std::collections::BTreeMap;

use super::step_index::StepIndex;
use super::undo_log::UndoLog;

/// The flags of each unit that was seen in a step.
///
/// Above a maximum it keeps the units with the lowest hashes and ignores the others from then
/// on. Which units are ignored depends on their hashes alone, and not on their version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenUnits {
    flags: BTreeMap<u64, u64>,
    /// Units from this hash on are ignored.
    end: Option<u64>,
    /// What has changed since [`Self::begin_undo`], and where the units ended then.
    undo: Option<(UndoLog<u64>, Option<u64>)>,
}

/// The units of the newest steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenUnitsByStep(Vec<(StepIndex, SeenUnits)>);

/// The units of this many steps are remembered: those of the current step, and of the one
/// before it, whose responses may not have ended yet.
pub(super) const REMEMBERED_STEPS: usize = 2;

// === impl SeenUnits ===

impl SeenUnits {
    /// Sets flags of a unit. Returns those that were not set before, or `None` where the unit
    /// is ignored and must not count. At most `max_units` units are kept.
    pub fn set_flags(&mut self, unit: u64, flags: u64, max_units: usize) -> Option<u64> {
        let set = |known: &mut u64| {
            let new = flags & !*known;
            *known |= flags;
            new
        };
        self.update(unit, max_units, set)
    }

    /// Updates the flags of a unit, 0 for a new one. Returns the result of `update`, or `None`
    /// where the unit is ignored and must not count. At most `max_units` units are kept.
    pub fn update<R>(
        &mut self,
        unit: u64,
        max_units: usize,
        update: impl FnOnce(&mut u64) -> R,
    ) -> Option<R> {
        if self.end.is_some_and(|end| unit >= end) {
            return None;
        }
        if let Some((log, _)) = &mut self.undo {
            log.note(unit, self.flags.get(&unit).copied());
        }
        let result = update(self.flags.entry(unit).or_default());
        while self.flags.len() > max_units {
            let Some((last, flags)) = self.flags.pop_last() else { break };
            self.end = Some(last);
            if let Some((log, _)) = &mut self.undo {
                log.note(last, Some(flags));
            }
        }
        self.end.is_none_or(|end| unit < end).then_some(result)
    }

    /// From now on, notes what changes, so that [`Self::undo`] undoes it.
    pub(super) fn begin_undo(&mut self) {
        self.undo = Some((UndoLog::default(), self.end));
    }

    /// Undoes what has changed since [`Self::begin_undo`].
    pub(super) fn undo(&mut self) {
        if let Some((log, end)) = self.undo.take() {
            log.undo(&mut self.flags);
            self.end = end;
        }
    }

    /// The number of units.
    pub fn len(&self) -> usize {
        self.flags.len()
    }

    /// Whether there is no unit.
    pub fn is_empty(&self) -> bool {
        self.flags.is_empty()
    }
}

// === impl SeenUnitsByStep ===

impl SeenUnitsByStep {
    /// The number of units, over all steps.
    pub fn len(&self) -> usize {
        self.0.iter().map(|(_, units)| units.len()).sum()
    }

    /// Whether there is no unit.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The units of a step; `None` where they are forgotten. `begun` is the number of steps that
    /// have begun.
    ///
    /// The oldest step is forgotten when a newer one has units, and at the latest when
    /// two newer ones have begun: from then on its units are no longer stored either.
    pub fn step_mut(&mut self, step: StepIndex, begun: usize) -> Option<&mut SeenUnits> {
        if step.get() + REMEMBERED_STEPS < begun {
            return None;
        }
        let steps = &mut self.0;
        let at = steps.partition_point(|(it, _)| *it < step);
        if steps.get(at).is_none_or(|(it, _)| *it != step) {
            if at == 0 && steps.len() >= REMEMBERED_STEPS {
                return None;
            }
            steps.insert(at, (step, SeenUnits::default()));
        }
        let has_too_many = steps.len() > REMEMBERED_STEPS;
        if has_too_many {
            steps.remove(0);
        }
        steps.get_mut(if has_too_many { at - 1 } else { at }).map(|(_, units)| units)
    }
}
