//! The memory of units, as VMs share it: pieces to which each tick appends, so that
//! none is written again once it is full. A VM that takes over reads them all.
//!
//! They are written after the state that counts their entries. Of a tick whose state was not
//! taken nothing is to be found in them: its units are not seen yet.

use super::host::{Cas, set_shared, shared};
use super::walker::key_of_format;
use crate::analysis::UnitFlags;
use crate::assignment::Epoch;
use crate::rollout::state::StoredUnits;
use crate::rollout::{RampSpec, RampState};

/// How many entries a piece has.
const ENTRIES: usize = 4096;
/// A unit's hash and its marks.
const BYTES: usize = 8 + 8;

/// What is not written down yet.
pub struct Memory {
    rollout: String,
    /// The pieces that are not full yet, by the number of the step.
    open: Vec<(Epoch, Vec<u8>)>,
    /// Pieces that get their last bytes, each with its place: full ones, and dropped ones,
    /// which get none.
    closed: Vec<(Epoch, usize, Vec<u8>)>,
}

// === impl Memory ===

impl Memory {
    /// Has the state remember what is written down.
    pub fn load(rollout: &str, settings: &RampSpec, state: &mut RampState) -> Self {
        let (open, closed) = (Vec::new(), Vec::new());
        let mut memory = Self { rollout: rollout.to_owned(), open, closed };
        for StoredUnits { epoch: number, entries } in state.seen_units.clone() {
            let Some(step) = state.step_of_epoch(number) else { continue };
            for piece in 0..=entries / ENTRIES {
                let Some((bytes, _)) = shared(&memory.key(number, piece)) else { continue };
                for entry in bytes.chunks_exact(BYTES) {
                    let Some((unit, rest)) = entry.split_first_chunk() else { continue };
                    let Some((marks, _)) = rest.split_first_chunk() else { continue };
                    let (unit, marks) = (u64::from_le_bytes(*unit), u64::from_le_bytes(*marks));
                    let marks = UnitFlags { step, unit, flags: marks };
                    state.evidence.restore(&settings.analysis, marks);
                }
                if piece == entries / ENTRIES {
                    memory.open.push((number, bytes.to_vec()));
                }
            }
        }
        memory
    }

    /// Takes in what the last tick has added, and drops what is not remembered any more.
    /// The state counts it; [`Self::write`] writes it.
    pub fn append(&mut self, state: &mut RampState) {
        for marks in state.evidence.new_flags().to_vec() {
            let number = state.epoch_of_step(marks.step);
            let Some(open) = entry(&mut self.open, number) else { continue };
            open.extend(marks.unit.to_le_bytes());
            open.extend(marks.flags.to_le_bytes());
            let Some(entries) = count_entry(&mut state.seen_units, number) else { continue };
            if entries.is_multiple_of(ENTRIES) {
                self.closed.push((number, entries / ENTRIES - 1, std::mem::take(open)));
            }
        }
        let is_kept = |it: &StoredUnits| {
            state.step_of_epoch(it.epoch).is_some_and(|step| state.step.since(step) <= 1)
        };
        let (kept, dropped): (Vec<_>, Vec<_>) = state.seen_units.iter().partition(|it| is_kept(it));
        for StoredUnits { epoch: number, entries } in dropped {
            let pieces = 0..=entries / ENTRIES;
            self.closed.extend(pieces.map(|piece| (number, piece, Vec::new())));
        }
        self.open.retain(|(number, _)| kept.iter().any(|it| it.epoch == *number));
        state.seen_units = kept;
    }

    /// Writes down what was appended; to be called when the state was.
    pub fn write(&mut self, state: &RampState) {
        for (number, piece, bytes) in std::mem::take(&mut self.closed) {
            self.write_piece(number, piece, &bytes);
        }
        for (number, open) in &self.open {
            let entries =
                state.seen_units.iter().find(|it| it.epoch == *number).map_or(0, |it| it.entries);
            self.write_piece(*number, entries / ENTRIES, open);
        }
    }

    fn write_piece(&self, number: Epoch, piece: usize, bytes: &[u8]) {
        // Units that the host does not take now are forgotten by who takes over, or are
        // taken with the next tick.
        let _ = set_shared(&self.key(number, piece), bytes, Cas::ANY);
    }

    fn key(&self, number: Epoch, piece: usize) -> String {
        key_of_format(&self.rollout, &format!("units.{number}.{piece}"))
    }
}

/// What stands under a number in a short list; put there if it does not yet.
fn entry<T: Default>(list: &mut Vec<(Epoch, T)>, number: Epoch) -> Option<&mut T> {
    if !list.iter().any(|(it, _)| *it == number) {
        list.push((number, T::default()));
    }
    list.iter_mut().find(|(it, _)| *it == number).map(|(_, entry)| entry)
}

/// Counts one more entry of an epoch; how many there are.
fn count_entry(stored: &mut Vec<StoredUnits>, epoch: Epoch) -> Option<usize> {
    if !stored.iter().any(|it| it.epoch == epoch) {
        stored.push(StoredUnits { epoch, entries: 0 });
    }
    let units = stored.iter_mut().find(|it| it.epoch == epoch)?;
    units.entries += 1;
    Some(units.entries)
}
